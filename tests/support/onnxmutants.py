# SPDX-License-Identifier: Apache-2.0
"""ONNX files that went wrong: bytes changed at random, or fields of the model's structure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx

EXTREMES = (0, 1, -1, 2, 3, 7, 255, -(1 << 31), (1 << 31) - 1, 1 << 40, (1 << 63) - 1, -(1 << 63))
NAMES = ("", "x", "/../../etc/passwd", "%s%n", "*/ int", "auto", "a" * 10000, "\u202e\x00", "conv1_0")


class Mutator:
    """Seeded; every call gives another mutant of a model."""

    def __init__(self, model: bytes, seed: int) -> None:
        self.model = model
        self.random = np.random.default_rng(seed)

    def mutant(self) -> bytes:
        """Bytes of a file: half of them changed byte by byte, half by their structure."""
        return self._bytes() if self.random.random() < 0.5 else self._structure()

    def _pick(self, options: Any) -> Any:
        return options[int(self.random.integers(len(options)))]

    def _bytes(self) -> bytes:
        data = bytearray(self.model)
        if self.random.random() < 0.2:
            return bytes(data[: int(self.random.integers(len(data)))])
        for _ in range(int(self.random.integers(1, 6))):
            at = int(self.random.integers(len(data)))
            data[at] = self._pick((0, 1, 0x7F, 0x80, 0xFF, int(self.random.integers(256)), data[at] ^ 1))
        return bytes(data)

    def _structure(self) -> bytes:
        model = onnx.load_model_from_string(self.model)
        changes: tuple[Callable[[Any], None], ...] = (
            self._rewire, self._attribute, self._drop_attribute, self._dims, self._operator, self._constant,
            self._remove, self._swap, self._opset, self._name,
        )  # fmt: skip
        for _ in range(int(self.random.integers(1, 4))):
            self._pick(changes)(model)
        data: bytes = model.SerializeToString()
        return data

    def _node(self, model: Any) -> Any:
        return self._pick(model.graph.node) if len(model.graph.node) else onnx.NodeProto()

    def _rewire(self, model: Any) -> None:
        node = self._node(model)
        names = [name for other in model.graph.node for name in (*other.input, *other.output)] or [""]
        if len(node.input):
            node.input[int(self.random.integers(len(node.input)))] = self._pick((*names, *NAMES))

    def _attribute(self, model: Any) -> None:
        node = self._node(model)
        if not len(node.attribute):
            return
        attribute = self._pick(node.attribute)
        attribute.i = self._pick(EXTREMES)
        attribute.f = self._pick((0.0, -1.0, 1e30, float("nan"), float("inf")))
        if len(attribute.ints):
            attribute.ints[int(self.random.integers(len(attribute.ints)))] = self._pick(EXTREMES)
        if self.random.random() < 0.3:
            attribute.type = self._pick((0, 1, 2, 3, 4, 6, 7, 8))
        if self.random.random() < 0.3:
            attribute.ints.append(self._pick(EXTREMES))

    def _drop_attribute(self, model: Any) -> None:
        node = self._node(model)
        if len(node.attribute):
            del node.attribute[int(self.random.integers(len(node.attribute)))]

    def _dims(self, model: Any) -> None:
        dims = self._pick(model.graph.input).type.tensor_type.shape.dim if len(model.graph.input) else []
        if len(dims):
            self._pick(dims).dim_value = self._pick(EXTREMES)

    def _operator(self, model: Any) -> None:
        kinds = (
            "Conv",
            "Gemm",
            "MatMul",
            "Reshape",
            "Concat",
            "Loop",
            "If",
            "Nonsense",
            "Pad",
            "Slice",
            "Resize",
            "Tile",
        )
        self._node(model).op_type = self._pick((*kinds, *(node.op_type for node in model.graph.node)))

    def _constant(self, model: Any) -> None:
        if not len(model.graph.initializer):
            return
        tensor = self._pick(model.graph.initializer)
        if self.random.random() < 0.5 and len(tensor.dims):
            tensor.dims[int(self.random.integers(len(tensor.dims)))] = self._pick(EXTREMES)
        elif self.random.random() < 0.5:
            tensor.data_type = int(self.random.integers(0, 26))
        else:
            size = len(tensor.raw_data) // 8 * 8
            tensor.raw_data = np.array([self._pick(EXTREMES) for _ in range(size // 8)], np.int64).tobytes()

    def _remove(self, model: Any) -> None:
        if len(model.graph.node):
            del model.graph.node[int(self.random.integers(len(model.graph.node)))]

    def _swap(self, model: Any) -> None:
        a, b = self._node(model), self._node(model)
        if len(a.output) and len(b.input):
            a.output[0] = self._pick(list(b.input))

    def _opset(self, model: Any) -> None:
        if len(model.opset_import):
            model.opset_import[0].version = self._pick((*EXTREMES, 7, 9, 10, 11, 12, 13, 18, 21))

    def _name(self, model: Any) -> None:
        node = self._node(model)
        node.name = self._pick(NAMES)
        if len(node.output):
            node.output[0] = self._pick(NAMES)
