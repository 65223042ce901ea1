# SPDX-License-Identifier: Apache-2.0
"""Where device and reference part ways: every feature map of one sample, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from intarsia import exactness, ops, simulate
from intarsia.ir import ABSENT, Graph

Dump = Mapping[tuple[int, int], bytes]
"""Bytes of feature maps as they lie in memory, by (layer, number of the output)."""


@dataclass(frozen=True)
class LayerDifference:
    """One output of a layer against the reference.

    `mismatched` of `compared` values differ, the largest by `max_abs_diff` (code steps or real units, None: not
    finite). `first` is the index of the first of them (NHWC), with the device's and the reference's value there; None
    when all are equal. `own` counts the values that differ from what the reference makes of the device's own inputs:
    a fault of this layer and not of one before it. It is None where those inputs are not known.
    """

    index: int
    op: str
    name: str
    output: int
    compared: int
    mismatched: int
    max_abs_diff: float | None
    first: tuple[int, ...] | None
    device: float | None
    reference: float | None
    own: int | None


@dataclass(frozen=True)
class Differences:
    """All layers that were compared, in the order of execution. The layers before `start` run patch by patch: they are
    compared together, where their patches are stitched. `rule` is the reference's rounding rule."""

    model: str
    board: str
    rule: str
    sample: int
    start: int
    layers: tuple[LayerDifference, ...]

    @property
    def first(self) -> LayerDifference | None:
        """The first layer that differs."""
        return next((layer for layer in self.layers if layer.mismatched), None)


def maps(graph: Graph, split_after: int | None = None) -> list[tuple[int, int, int]]:
    """What a firmware sends: (layer, number of the output, bytes); of what runs patch by patch only the split map."""
    return [
        (layer, number, graph.tensor(tensor).bytes)
        for layer, node in enumerate(graph.nodes)
        if split_after is None or layer >= split_after
        for number, tensor in enumerate(node.outputs)
    ]


def compare(graph: Graph, inputs: Sequence[np.ndarray], dump: Dump) -> tuple[LayerDifference, ...]:
    """Compares what a device has sent for one sample (one array per graph input) with the exact reference."""
    expected = simulate.run_all(graph, inputs)
    device = dict(
        zip(
            graph.inputs,
            (x.reshape(graph.tensor(t).shape) for t, x in zip(graph.inputs, inputs, strict=True)),
            strict=True,
        )
    )
    found = []
    for layer, node in enumerate(graph.nodes):
        numbers = [number for number in range(len(node.outputs)) if (layer, number) in dump]
        own = _own(graph, layer, device) if numbers else None
        for number in numbers:
            tensor = graph.tensor(node.outputs[number])
            values = tensor.dtype.unpack(dump[layer, number], tensor.shape)
            device[node.outputs[number]] = values
            at_fault = None if own is None else int(exactness.differences(values, own[number])[1].sum())
            found.append(_compared(graph, layer, number, values, expected[node.outputs[number]], at_fault))
    return tuple(found)


def _own(graph: Graph, layer: int, device: Mapping[int, np.ndarray]) -> list[np.ndarray] | None:
    """What the reference makes of the device's own inputs of a layer."""
    node = graph.nodes[layer]
    operands: list[np.ndarray | None] = []
    for index in node.inputs:
        data = None if index == ABSENT else graph.tensor(index).data
        if index != ABSENT and data is None:
            if index not in device:
                return None
            data = device[index]
        operands.append(data)
    return ops.registry()[node.op].reference(node, graph, operands)


def _compared(
    graph: Graph, layer: int, number: int, got: np.ndarray, want: np.ndarray, own: int | None
) -> LayerDifference:
    size, wrong = exactness.differences(got, want)
    node, place, largest = graph.nodes[layer], np.argwhere(wrong), float(size.max(initial=0.0))
    first = tuple(int(i) for i in place[0]) if len(place) else None
    return LayerDifference(
        index=layer,
        op=node.op,
        name=node.name,
        output=number,
        compared=got.size,
        mismatched=len(place),
        max_abs_diff=largest if math.isfinite(largest) else None,
        first=first,
        device=_finite(got, first),
        reference=_finite(want, first),
        own=own,
    )


def _finite(values: np.ndarray, place: tuple[int, ...] | None) -> float | None:
    if place is None or not np.isfinite(values[place]):
        return None
    return float(values[place])
