# SPDX-License-Identifier: Apache-2.0
"""Scales and biases per channel (BatchNormalization, MatMul + Add) become part of the float layer before them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from intarsia import ops
from intarsia.dtypes import FLOAT32
from intarsia.ir import ABSENT, Graph, Node, Tensor

LAYERS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")


def run(graph: Graph) -> Graph:
    """Each fold drops one node, so this ends."""
    folding = _Folding(list(graph.tensors), list(graph.nodes), graph.outputs)
    position = 0
    while position < len(folding.nodes):
        if not folding.fold(position):
            position += 1
    return graph.replace(tensors=tuple(folding.tensors), nodes=tuple(folding.nodes)).verify()


@dataclass
class _Folding:
    tensors: list[Tensor]
    nodes: list[Node]
    results: Sequence[int]

    def __post_init__(self) -> None:
        self.writers = {index: node for node in self.nodes for index in node.outputs}
        self.readers: dict[int, int] = {}
        for node in self.nodes:
            for index in node.inputs:
                self.readers[index] = self.readers.get(index, 0) + 1

    def fold(self, position: int) -> bool:
        """Puts the MUL or ADD at `position` into the layer before it; False where that cannot be."""
        node = self.nodes[position]
        if node.op not in ("ADD", "MUL", "SUB") or getattr(node.attrs, "activation", "NONE") != "NONE":
            return False
        operands = list(node.inputs) if node.op != "SUB" else [node.inputs[0], node.inputs[1]]
        constant = next((i for i in operands if self._is_real(i)), None)
        if constant is None or (node.op == "SUB" and constant != node.inputs[1]):
            return False
        source = operands[0] if operands[1] == constant else operands[1]
        layer = self.writers.get(source)
        if layer is None or layer.op not in LAYERS or self.readers[source] != 1 or source in self.results:
            return False
        factor = self._per_channel(constant, self.tensors[node.outputs[0]], self.tensors[source])
        changed = None if factor is None else self._changed(layer, node, factor)
        if changed is None:
            return False
        at = self.nodes.index(layer)
        self.nodes[at] = replace(changed, outputs=node.outputs, name=node.name)
        self.writers[node.outputs[0]] = self.nodes[at]
        del self.nodes[position]
        return True

    def _is_real(self, index: int) -> bool:
        return index != ABSENT and self.tensors[index].is_constant and self.tensors[index].dtype == FLOAT32

    def _per_channel(self, constant: int, output: Tensor, source: Tensor) -> np.ndarray | None:
        """The constant as one value for each channel, float64; None when it is something else."""
        data = self.tensors[constant].data
        assert data is not None
        channels = source.shape[-1]
        if output.shape != source.shape or data.size not in (1, channels):
            return None
        if data.size == channels and data.shape[-1:] != (channels,):
            return None
        return np.broadcast_to(data.reshape(-1).astype(np.float64), (channels,))

    def _changed(self, layer: Node, node: Node, factor: np.ndarray) -> Node | None:
        """The layer with scaled weights, or with another bias."""
        rule = ops.registry()[layer.op].weights
        assert rule is not None
        assert rule.bias is not None
        bias = layer.inputs[rule.bias] if len(layer.inputs) > rule.bias else ABSENT
        if bias != ABSENT and not self._is_real(bias):
            return None
        own = np.zeros(len(factor)) if bias == ABSENT else self._real(bias)
        inputs = [*layer.inputs, *[ABSENT] * (rule.bias + 1 - len(layer.inputs))]
        if node.op == "MUL":
            if not self._is_real(layer.inputs[rule.weights]):
                return None
            weights = self.tensors[layer.inputs[rule.weights]]
            assert weights.data is not None
            shape = [1] * len(weights.shape)
            shape[rule.axis or 0] = -1
            scaled = weights.data.astype(np.float64) * factor.reshape(shape)
            inputs[rule.weights] = self._add(weights, scaled)
            if bias != ABSENT:
                inputs[rule.bias] = self._add(self.tensors[bias], own * factor)
        else:
            sign = -1.0 if node.op == "SUB" else 1.0
            like = Tensor(f"{node.name}/bias", (len(factor),), FLOAT32)
            inputs[rule.bias] = self._add(like, own + sign * factor)
        return replace(layer, inputs=tuple(inputs))

    def _real(self, index: int) -> np.ndarray:
        data = self.tensors[index].data
        assert data is not None
        real: np.ndarray = data.reshape(-1).astype(np.float64)
        return real

    def _add(self, like: Tensor, data: np.ndarray) -> int:
        with np.errstate(over="ignore"):
            self.tensors.append(replace(like, shape=data.shape, data=data.astype(np.float32)))
        return len(self.tensors) - 1
