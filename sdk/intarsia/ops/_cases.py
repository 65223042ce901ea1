# SPDX-License-Identifier: Apache-2.0
"""Builds one-node graphs for the operators' own test cases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from intarsia.dtypes import BY_NAME, INT8, DType
from intarsia.ir import Attrs, Graph, Node, Quantization, State, Tensor

if TYPE_CHECKING:
    from intarsia.ops.base import Draw, Operator


class Case:
    """Collects tensors, then makes the graph. Scales are float32 values, as in a file."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.tensors: list[Tensor] = []

    def scale(self, low: int = -9, high: int = 0) -> float:
        """A random float32 scale in [2**low, 2**(high + 1))."""
        mantissa = 1.0 + self.draw.integer(0, 1 << 20) / (1 << 20)
        return float(np.float32(mantissa * 2.0 ** self.draw.integer(low, high)))

    def zero_point(self, dtype: DType) -> int:
        """A zero point, at both ends of the range as likely as inside; int16 has 0 alone."""
        low, high = dtype.range
        if dtype.name == "int16":
            return 0
        return int(self.draw.choice((0, low, high, self.draw.integer(low, high))))

    def add(self, tensor: Tensor) -> int:
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def quant(self, dtype: DType) -> Quantization | None:
        return Quantization((self.scale(),), (self.zero_point(dtype),)) if dtype.is_integer else None

    def input(
        self, shape: Sequence[int], dtype: str, quant: Quantization | None = None, name: str | None = None
    ) -> int:
        """Adds a feature map with random (or given) quantization and returns its index."""
        kind = BY_NAME[dtype]
        return self.add(
            Tensor(name or f"x{len(self.tensors)}", tuple(shape), kind, quant or self.quant(kind))
        )

    def constant(self, data: np.ndarray, quant: Quantization | None = None, name: str | None = None) -> int:
        return self.add(
            Tensor(name or f"c{len(self.tensors)}", data.shape, BY_NAME[data.dtype.name], quant, data)
        )

    def weights(self, source: int, shape: tuple[int, ...], axis: int | None) -> int:
        """Weights for an input: int8 symmetric per channel along `axis` (None: per tensor), or float32."""
        if self.tensors[source].dtype.is_float:
            return self.constant(self.draw.array(shape, -64, 64).astype(np.float32) / np.float32(64))
        per_channel = axis is not None and self.draw.choice((True, False))
        channels = shape[axis] if axis is not None and per_channel else 1
        quant = Quantization(
            tuple(self.scale(-9, -5) for _ in range(channels)),
            (0,) * channels,
            axis if axis is not None and channels > 1 else 0,
        )
        return self.constant(self.draw.array(shape, -127, 127).astype(np.int8), quant)

    def bias(self, source: int, weights: int, channels: int) -> int:
        """A bias of the scale that the file format prescribes, or float32."""
        x, w = self.tensors[source], self.tensors[weights]
        if x.dtype.is_float:
            return self.constant(self.draw.array((channels,), -64, 64).astype(np.float32) / np.float32(64))
        assert w.quant is not None
        scales = tuple(float(np.float32(x.scale) * np.float32(s)) for s in w.quant.scale)
        wide = x.dtype.name == "int16"
        data = self.draw.array((channels,), -3000, 3000).astype(np.int64 if wide else np.int32)
        return self.constant(data, Quantization(scales, (0,) * len(scales), 0))

    def output_quant(self, node: Node) -> Quantization | None:
        """A random output quantization that does not saturate everything."""
        source = self.tensors[node.inputs[0]]
        if not source.dtype.is_integer:
            return None
        factor = 1.0
        for index in node.inputs[1:2]:
            quant = self.tensors[index].quant
            if self.tensors[index].is_constant and quant is not None:
                factor = max(quant.scale) * float(np.sqrt(self.tensors[index].elements)) * 8
        scale = float(np.float32(source.scale * factor * 2.0 ** self.draw.integer(-2, 2)))
        return Quantization((scale,), (self.zero_point(source.dtype),))

    def graph(
        self,
        operator: Operator,
        inputs: Sequence[int],
        attrs: Attrs,
        outputs: Sequence[tuple[str, Quantization | None]] | None = None,
    ) -> Graph:
        """The one-node graph; shapes come from the operator's own inference.

        `outputs` gives (dtype, quantization) of each output; by default one output of the type of input 0.
        """
        node = Node(operator.name, tuple(inputs), (), attrs, operator.name.lower())
        partial = Graph("case", tuple(self.tensors), (), (), ())
        shapes = operator.infer(node, partial)
        if outputs is None:
            kind = self.tensors[inputs[0]].dtype.name
            outputs = [(kind, self.output_quant(node))] * len(shapes)
        results = tuple(
            self.add(Tensor(f"y{i}", shape, BY_NAME[kind], quant))
            for i, (shape, (kind, quant)) in enumerate(zip(shapes, outputs, strict=True))
        )
        feature_maps = tuple(i for i in inputs if i >= 0 and not self.tensors[i].is_constant)
        node = Node(operator.name, tuple(inputs), results, attrs, operator.name.lower())
        return Graph("case", tuple(self.tensors), (node,), feature_maps, results).verify()


def stateful(graph: Graph, operator: Operator) -> Graph:
    """A one-node graph whose variable tensors are states and no inputs, as the importer gives it."""
    (node,) = graph.nodes
    before = [node.inputs[position] for position in operator.states]
    after = node.outputs[len(node.outputs) - len(before) :]
    tensors = list(graph.tensors)
    states = []
    for first, last in zip(before, after, strict=True):
        tensor = tensors[first]
        tensors[last] = Tensor(f"{tensor.name}/after", tensor.shape, tensor.dtype, tensor.quant)
        zero = tensor.quant.zero_point[0] if tensor.dtype == INT8 and tensor.quant else 0
        states.append(State(first, last, np.full(tensor.shape, zero, tensor.dtype.numpy)))
    return graph.replace(
        tensors=tuple(tensors),
        inputs=tuple(i for i in graph.inputs if i not in before),
        outputs=node.outputs[:1],
        states=tuple(states),
    ).verify()
