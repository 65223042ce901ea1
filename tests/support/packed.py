# SPDX-License-Identifier: Apache-2.0
"""Cases of operators on int4 and int2 tensors, made from their int8 cases."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from intarsia import ops
from intarsia.dtypes import INT8, NARROW, PACKED, DType
from intarsia.ir import Graph, Quantization, Tensor
from intarsia.ops.base import Operator
from support.draw import SeededDraw, sample

NARROW_OPERATORS = sorted(name for name, operator in ops.registry().items() if operator.narrow)
ATTEMPTS = 400


def narrow_case(operator: Operator, seed: int) -> Graph:
    """A one-node graph with at least one int4 or int2 feature map or weight that the operator supports."""
    draw = SeededDraw(seed)
    for _ in range(ATTEMPTS):
        graph = _int8_case(operator, draw)
        for tied in (draw.choice((True, False)), True):
            narrowed = _Narrowing(operator, graph, draw, tied).graph()
            if operator.unsupported(narrowed.nodes[0], narrowed) is None:
                return narrowed
    raise AssertionError(
        f"{operator.name} takes no packed case: {operator.unsupported(narrowed.nodes[0], narrowed)}"
    )


def samples(graph: Graph, seed: int) -> list[list[np.ndarray]]:
    """Inputs for a case: one with edges, one of all codes alike."""
    random = np.random.default_rng(seed)
    maps = [graph.tensor(index) for index in graph.inputs]
    uniform = [random.integers(*t.dtype.range, t.shape, endpoint=True).astype(t.dtype.numpy) for t in maps]
    return [[sample(t, random) for t in maps], uniform]


def _int8_case(operator: Operator, draw: SeededDraw) -> Graph:
    for _ in range(ATTEMPTS):
        graph = operator.cases(draw)
        (node,) = graph.nodes
        maps = [graph.tensor(t) for t in (*node.inputs, *node.outputs) if t >= 0]
        if all(t.dtype.name == "int8" for t in maps if not t.is_constant):
            return graph
    raise AssertionError(f"{operator.name} has no int8 case")


class _Narrowing:
    """Gives the int8 tensors of a graph other types. `tied`: all feature maps and constants the same."""

    def __init__(self, operator: Operator, graph: Graph, draw: SeededDraw, tied: bool) -> None:
        self.operator, self.source, self.draw = operator, graph, draw
        self.kind = draw.choice(PACKED) if tied else None

    def graph(self) -> Graph:
        (node,) = self.source.nodes
        self.tensors: list[Tensor] = []
        for index, tensor in enumerate(self.source.tensors):
            self.tensors.append(self.tensor(index, tensor))
        kind = self.operator.output_range.kind
        if kind == "fixed":
            self.tensors[node.outputs[0]] = self.source.tensor(node.outputs[0])
        if not any(t.dtype.is_packed for t in self.tensors):
            changed = node.inputs[0] if kind == "fixed" else node.outputs[0]
            self.tensors[changed] = self.narrowed(self.source.tensor(changed), self.draw.choice(PACKED))
        if kind == "calibrated" or not (self.kind or kind == "fixed"):
            for output in node.outputs:
                self.tensors[output] = replace(self.tensors[output], quant=self.fitting(self.tensors[output]))
            self.reach_limits()
        weights = self.weights_index
        quant = self.tensors[weights].quant if weights is not None else None
        if quant is not None and set(quant.zero_point) != {0} and hasattr(node.attrs, "float_product"):
            node = replace(node, attrs=replace(node.attrs, float_product=True))
        return self.source.replace(tensors=tuple(self.tensors), nodes=(node,)).verify()

    @property
    def weights_index(self) -> int | None:
        rule = self.operator.weights
        return self.source.nodes[0].inputs[rule.weights] if rule else None

    def fitting(self, output: Tensor) -> Quantization:
        """A quantization that most real results lie within, and sometimes half or twice as fine."""
        (node,) = self.source.nodes
        maps = [self.tensors[t] for t in node.inputs if t >= 0 and self.tensors[t].dtype in NARROW]
        largest = max(
            t.scale * 2.0 ** (t.dtype.bits - 1) for t in maps if t.quant and not t.quant.per_channel
        )
        low, high = output.dtype.range
        rectified = getattr(node.attrs, "activation", node.op).startswith("RELU")
        places: tuple[int, ...] = (low, low, 0, 0, high) if rectified else (0, 0, low, high)
        if self.weights_index is not None:
            largest = (
                maps[0].scale * 2.0 ** (maps[0].dtype.bits - 1) * self.gain(self.tensors[self.weights_index])
            )
        else:
            alike = maps[0].zero_point * 2.0 ** (output.dtype.bits - maps[0].dtype.bits)
            places = (*places, *[min(max(int(alike), low), high)] * 6)
        scale = largest * 2.0 ** -(output.dtype.bits - 1) * 2.0 ** self.draw.integer(-1, 1)
        return Quantization((float(np.float32(scale)),), (int(self.draw.choice(places)),))

    def reach_limits(self) -> None:
        """Mostly scales everything so that the limits of RELU6 and RELU_N1_TO_1 lie among the output's codes."""
        (node,) = self.source.nodes
        word = getattr(node.attrs, "activation", node.op)
        output = self.tensors[node.outputs[0]]
        if word not in ("RELU6", "RELU_N1_TO_1") or self.draw.integer(0, 3) == 0:
            return
        factor = (8 if word == "RELU6" else 2) / (output.scale * 2.0 ** (output.dtype.bits - 1))
        for index in {*node.inputs, *node.outputs} - {self.weights_index, -1}:
            quant = self.tensors[index].quant
            if self.tensors[index].dtype in NARROW and quant is not None:
                scale = float(np.float32(quant.scale[0] * factor))
                self.tensors[index] = replace(self.tensors[index], quant=replace(quant, scale=(scale,)))

    @staticmethod
    def gain(weights: Tensor) -> float:
        """How much larger than one input value a sum of random products is."""
        assert weights.quant is not None
        assert weights.data is not None
        axis = weights.quant.axis if weights.quant.per_channel else 0
        codes = np.moveaxis(weights.data.astype(np.float64) - weights.quant.zero_point[0], axis, 0)
        lengths = np.sqrt((codes.reshape(codes.shape[0], -1) ** 2).sum(axis=1))
        return float(np.median(lengths * np.array(weights.quant.scale))) + min(weights.quant.scale)

    def tensor(self, index: int, tensor: Tensor) -> Tensor:
        if tensor.dtype.name == "int32" and self.weights_index is not None:
            assert tensor.data is not None
            node, rule = self.source.nodes[0], self.operator.weights
            lost = sum(8 - self.tensors[i].dtype.bits for i in (node.inputs[0], self.weights_index))
            is_bias = rule is not None and node.inputs.index(index) == rule.bias
            return replace(tensor, data=tensor.data >> lost) if is_bias else tensor
        if tensor.dtype.name != "int8":
            return tensor
        if index == self.weights_index:
            return narrow_weights(tensor, self.draw)
        return self.narrowed(tensor, self.kind or self.draw.choice(NARROW))

    def narrowed(self, tensor: Tensor, kind: DType) -> Tensor:
        narrow = scaled(tensor, kind)
        if self.operator.output_range.kind == "input" and self.kind:
            return narrow
        zero_point = self.draw.choice((narrow.zero_point, *kind.range, 0))
        return replace(narrow, quant=Quantization((narrow.scale,), (int(zero_point),)))


def scaled(tensor: Tensor, kind: DType) -> Tensor:
    """An int8 tensor with codes of another width for the same real values."""
    assert tensor.quant is not None
    shift = tensor.dtype.bits - kind.bits
    quant = Quantization((tensor.scale * 2.0**shift,), (tensor.zero_point >> shift,))
    data = None if tensor.data is None else (tensor.data >> np.int8(shift)).astype(np.int8)
    return replace(tensor, dtype=kind, quant=quant, data=data)


def narrow_weights(tensor: Tensor, draw: SeededDraw) -> Tensor:
    """int8 weights with codes of one random width, or of one for each output channel where channels come first."""
    assert tensor.quant is not None
    assert tensor.data is not None
    quant, data, units = tensor.quant, tensor.data, tensor.shape[0]
    if quant.axis == 0 and draw.choice((True, False, False)):
        widths = [int(draw.choice((8, 4, 2))) for _ in range(units)]
        shifts = np.array([8 - bits for bits in widths], np.int8).reshape(-1, *[1] * (data.ndim - 1))
        return replace(
            tensor, quant=replace(quant, bits=tuple(widths)), data=(data >> shifts).astype(np.int8)
        )
    kind = draw.choice(NARROW)
    shift = 8 - kind.bits
    zero_points = quant.zero_point
    if not quant.per_channel and draw.choice((True, False)):
        zero_points = (int(draw.choice((*kind.range, 1))),)
    scales = tuple(scale * 2.0**shift for scale in quant.scale)
    data = (data >> np.int8(shift)).astype(np.int8)
    return replace(tensor, dtype=kind, quant=replace(quant, scale=scales, zero_point=zero_points), data=data)


def narrow_network(graph: Graph, seed: int) -> Graph:
    """An int8 network with random widths of its inner feature maps, as far as the operators take them."""
    draw = SeededDraw(seed)
    inner = {t for node in graph.nodes for t in node.outputs} - set(graph.outputs)
    kinds = {t: draw.choice((*NARROW, *PACKED)) for t in sorted(inner)}
    for node in graph.nodes:
        if node.op in ("PAD", "RESHAPE") and node.outputs[0] in kinds:
            kinds[node.outputs[0]] = kinds.get(node.inputs[0], INT8)
    while True:
        tensors = [scaled(t, kinds[i]) if i in kinds else t for i, t in enumerate(graph.tensors)]
        narrow = graph.replace(tensors=tuple(tensors)).verify()
        faulty = [n for n in narrow.nodes if ops.registry()[n.op].unsupported(n, narrow)]
        if not faulty:
            return narrow
        kinds |= {t: INT8 for node in faulty for t in (*node.inputs, *node.outputs) if t in kinds}
