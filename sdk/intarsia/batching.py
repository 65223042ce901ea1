# SPDX-License-Identifier: Apache-2.0
"""Runs many samples through the references at once, where every operator treats the samples of a batch apart.

Memory stays bounded because feature maps are dropped after their last reader. Integer results are the
same as one by one; float sums may be rounded otherwise where a matrix product depends on the number of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from intarsia import dtypes, ops, parallel, simulate, stitching
from intarsia.ir import ABSENT, Graph, Node, Tensor

Found = TypeVar("Found")

BATCH_ELEMENTS = 1 << 20
MAX_BATCH = 64


def rebatch(graph: Graph, batch: int) -> Graph | None:
    """The graph for `batch` samples along the first axis, or None when the samples would mix.

    The shapes are inferred anew: an operator that moves, joins or reduces the first axis does not
    give what is expected, for any batch above 1.
    """
    written = {index for node in graph.nodes for index in node.outputs} | set(graph.inputs)
    if graph.states:
        return None
    if any(len(graph.tensor(i).shape) < 2 or graph.tensor(i).shape[0] != 1 for i in written):
        return None
    if not all(ops.registry()[node.op].batchwise for node in graph.nodes):
        return None
    tensors = [
        replace(tensor, shape=(batch, *tensor.shape[1:])) if index in written else tensor
        for index, tensor in enumerate(graph.tensors)
    ]
    nodes = [_reshaped(node, tensors) if node.op == "RESHAPE" else node for node in graph.nodes]
    batched = graph.replace(tensors=tuple(tensors), nodes=tuple(nodes))
    for node in batched.nodes:
        try:
            shapes = ops.registry()[node.op].infer(node, batched)
        except ValueError:
            return None
        if shapes != [batched.tensor(index).shape for index in node.outputs]:
            return None
    return batched


def _reshaped(node: Node, tensors: list[Tensor]) -> Node:
    """A RESHAPE whose target is the shape of its batched output."""
    target = np.array(tensors[node.outputs[0]].shape, np.int32)
    shape = Tensor(f"{node.name}/shape", target.shape, dtypes.INT32, None, target)
    tensors.append(shape)
    return replace(node, inputs=(node.inputs[0], len(tensors) - 1))


def batch_size(graph: Graph) -> int:
    """Samples at once that keep the largest feature map below `BATCH_ELEMENTS` elements."""
    largest = max((tensor.elements for tensor in graph.tensors if not tensor.is_constant), default=1)
    return max(1, min(MAX_BATCH, BATCH_ELEMENTS // max(largest, 1)))


def feature_maps(graph: Graph, inputs: Sequence[np.ndarray]) -> Iterator[tuple[int, np.ndarray]]:
    """(tensor index, values [n, *shape]) of every feature map, chunk after chunk of the samples.

    `inputs` are [N, *shape] per graph input. Each feature map comes once per chunk, in order of execution.
    """
    states = dict(simulate.initial(graph))
    for batched, chunk, count in _chunks(graph, inputs):
        for index, value in _walk(batched, chunk, states):
            yield index, value.reshape(count, *graph.tensor(index).shape)


def outputs(graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Graph outputs [N, *shape] for inputs [N, *shape]; patches that have classes are computed as their class says."""
    if graph.classes is not None:
        return stitching.outputs(graph, inputs, outputs)

    def kept(start: int, maps: Iterator[tuple[int, np.ndarray]]) -> dict[int, np.ndarray]:
        return {index: value for index, value in maps if index in graph.outputs}

    parts = by_chunk(graph, inputs, kept)
    return [np.concatenate([part[index] for part in parts]) for index in graph.outputs]


def by_chunk(
    graph: Graph,
    inputs: Sequence[np.ndarray],
    collect: Callable[[int, Iterator[tuple[int, np.ndarray]]], Found],
) -> list[Found]:
    """What `collect` finds in each chunk of the samples: it gets the place of the chunk's first sample and the feature
    maps as `feature_maps` has them. Chunks are computed at the same time unless the graph keeps states."""
    states = dict(simulate.initial(graph))
    chunks = list(_chunks(graph, inputs))
    starts = np.cumsum([0, *(count for _, _, count in chunks)])

    def found(place: int) -> Found:
        batched, chunk, count = chunks[place]
        maps = (
            (index, value.reshape(count, *graph.tensor(index).shape))
            for index, value in _walk(batched, chunk, states)
        )
        return collect(int(starts[place]), maps)

    if states:
        return [found(place) for place in range(len(chunks))]
    return parallel.over(found, range(len(chunks)))


def _chunks(graph: Graph, inputs: Sequence[np.ndarray]) -> Iterator[tuple[Graph, list[np.ndarray], int]]:
    """Graph and inputs for each chunk, and how many samples it holds."""
    samples, size = len(inputs[0]), batch_size(graph)
    if size > 1 and rebatch(graph, size) is None:
        size = 1
    batched: dict[int, Graph] = {}
    for start in range(0, samples, size):
        count = min(size, samples - start)
        if count not in batched:
            batched[count] = (rebatch(graph, count) if count > 1 else None) or graph
        shapes = [batched[count].tensor(index).shape for index in graph.inputs]
        chunk = [x[start : start + count].reshape(shape) for x, shape in zip(inputs, shapes, strict=True)]
        yield batched[count], chunk, count


def _walk(
    graph: Graph, inputs: Sequence[np.ndarray], states: dict[int, np.ndarray]
) -> Iterator[tuple[int, np.ndarray]]:
    """Values of every feature map as they are computed; each is dropped after its last reader. `states` move on."""
    after = {state.after: state.before for state in graph.states}
    last = {index: position for position, node in enumerate(graph.nodes) for index in node.inputs}
    values = dict(zip(graph.inputs, inputs, strict=True))
    yield from values.items()
    values |= states
    for position, node in enumerate(graph.nodes):
        operands = [_operand(graph, values, index) for index in node.inputs]
        results = ops.registry()[node.op].reference(node, graph, operands)
        for index, result in zip(node.outputs, results, strict=True):
            values[index] = result
            if index in after:
                states[after[index]] = result
            yield index, result
        for index in (*node.inputs, *node.outputs):
            if last.get(index, -1) <= position:
                values.pop(index, None)


def _operand(graph: Graph, values: dict[int, np.ndarray], index: int) -> np.ndarray | None:
    if index == ABSENT:
        return None
    data = graph.tensor(index).data
    return values[index] if data is None else data
