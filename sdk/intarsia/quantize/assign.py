# SPDX-License-Identifier: Apache-2.0
"""Chooses scale and zero point of every float feature map.

Feature maps whose codes an operator passes on unchanged (`OutputRange("input")`) form a group with one scale
and zero point; the group spans the ranges of all its sources. A group is bound where an operator or an int8
tensor on the other side of a conversion prescribes its quantization.
"""

from __future__ import annotations

import numpy as np

from intarsia import ops
from intarsia.calibrate import Statistics
from intarsia.dtypes import FLOAT32, INT8
from intarsia.ir import ABSENT, Graph, Quantization
from intarsia.ops.base import Operator
from intarsia.quantize import parameters
from intarsia.quantize.ranges import Estimator, Range


def is_float_map(graph: Graph, index: int) -> bool:
    """Whether a tensor is a float32 feature map."""
    tensor = graph.tensor(index)
    return index != ABSENT and not tensor.is_constant and tensor.dtype == FLOAT32


def is_float_constant(graph: Graph, index: int) -> bool:
    tensor = graph.tensor(index)
    return index != ABSENT and tensor.is_constant and tensor.dtype == FLOAT32


def passes_codes(operator: Operator) -> bool:
    """Whether the outputs of an operator have the quantization of its inputs."""
    return operator.output_range.kind == "input"


class _Groups:
    """Disjoint sets of feature maps, with the ranges of their sources or what they are bound to."""

    def __init__(self) -> None:
        self.parent: dict[int, int] = {}
        self.ranges: dict[int, list[Range]] = {}
        self.bound: dict[int, Quantization] = {}

    def add(self, index: int, span: Range | None = None, bound: Quantization | None = None) -> None:
        """Starts a group with one member."""
        self.parent[index] = index
        self.ranges[index] = [span] if span is not None else []
        if bound is not None:
            self.bound[index] = bound

    def find(self, index: int) -> int:
        while self.parent[index] != index:
            index = self.parent[index]
        return index

    def join(self, first: int, second: int) -> None:
        """Makes one group of two; at most one of them may be bound."""
        a, b = self.find(first), self.find(second)
        if a == b:
            return
        self.parent[b] = a
        self.ranges[a] += self.ranges.pop(b)
        if b in self.bound:
            self.bound[a] = self.bound.pop(b)

    def include(self, index: int, spans: list[Range]) -> None:
        """Widens the group of a member."""
        self.ranges[self.find(index)] += spans

    def is_bound(self, index: int) -> bool:
        return self.find(index) in self.bound

    def quantization(self, index: int) -> Quantization:
        root = self.find(index)
        if root in self.bound:
            return self.bound[root]
        spans = self.ranges[root]
        return parameters.activation(min(s[0] for s in spans), max(s[1] for s in spans))


def assign(graph: Graph, statistics: Statistics, estimate: Estimator) -> dict[int, Quantization]:
    """int8 quantization of every float32 feature map, by index. Raises UsageError as `Statistics.of`."""
    groups, prescribed = _Groups(), _prescribed(graph)

    def start(index: int, bound: Quantization | None = None) -> None:
        bound = prescribed.get(index, bound)
        span = estimate(statistics.of(graph, index)) if bound is None else None
        groups.add(index, span, bound)

    for index in graph.inputs:
        if is_float_map(graph, index):
            start(index)
    for node in graph.nodes:
        operator = ops.registry()[node.op]
        results = [index for index in node.outputs if is_float_map(graph, index)]
        sources = [index for index in node.inputs if is_float_map(graph, index)]
        passing = passes_codes(operator) and sources and not any(index in prescribed for index in results)
        constants = [i for i in node.inputs if is_float_constant(graph, i)] if passing else []
        if passing and len(sources) == 1 and not (constants and groups.is_bound(sources[0])):
            for index in results:
                groups.add(index)
        else:
            for index in results:
                start(index, _fixed(operator))
            sources = [index for index in sources if not groups.is_bound(index)]
        if passing:
            for index in results:
                for source in sources:
                    groups.join(source, index)
                groups.include(index, [_span(graph, constant) for constant in constants])
    return {index: groups.quantization(index) for index in groups.parent}


def _span(graph: Graph, constant: int) -> Range:
    data = graph.tensor(constant).data
    return (float(data.min()), float(data.max())) if data is not None and data.size else (0.0, 0.0)


def _fixed(operator: Operator) -> Quantization | None:
    rule = operator.output_range
    if rule.kind != "fixed":
        return None
    return Quantization((float(np.float32(rule.scale)),), (rule.zero_point,))


def _prescribed(graph: Graph) -> dict[int, Quantization]:
    """Quantization of float feature maps that the model itself converts from or to int8."""
    found: dict[int, Quantization] = {}
    for node in graph.nodes:
        if node.op not in ("QUANTIZE", "DEQUANTIZE"):
            continue
        source, result = graph.required(node, 0), graph.output(node)
        if node.op == "QUANTIZE" and result.dtype == INT8 and result.quant:
            found.setdefault(node.inputs[0], result.quant)
        if node.op == "DEQUANTIZE" and source.dtype == INT8 and source.quant:
            found[node.outputs[0]] = source.quant
    return found
