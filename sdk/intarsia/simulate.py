# SPDX-License-Identifier: Apache-2.0
"""Runs a graph by the operators' exact references: the definition of what every board must compute."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from intarsia import ops, stitching
from intarsia.ir import ABSENT, Graph

States = Mapping[int, np.ndarray]
"""What states hold before an inference, by tensor index."""


def initial(graph: Graph) -> States:
    """States before the first inference."""
    return {state.before: state.initial for state in graph.states}


def following(graph: Graph, values: Mapping[int, np.ndarray]) -> States:
    """States after an inference that gave these values."""
    return {state.before: values[state.after] for state in graph.states}


def run_all(
    graph: Graph, inputs: Sequence[np.ndarray], states: States | None = None
) -> dict[int, np.ndarray]:
    """Values of every feature map by tensor index, for one sample, all patches being without outliers.

    Raises ValueError for inputs of another type."""
    values: dict[int, np.ndarray] = dict(initial(graph) if states is None else states)
    for index, x in zip(graph.inputs, inputs, strict=True):
        tensor = graph.tensor(index)
        if x.dtype != tensor.dtype.numpy:
            raise ValueError(f"input '{tensor.name}' takes {tensor.dtype.name}, not {x.dtype}")
        values[index] = x.reshape(tensor.shape)
    for node in graph.nodes:
        operands = [_operand(graph, values, index) for index in node.inputs]
        with np.errstate(all="ignore"):  # infinities and NaN are values as others are
            results = ops.registry()[node.op].reference(node, graph, operands)
        for index, result in zip(node.outputs, results, strict=True):
            tensor = graph.tensor(index)
            if result.shape != tensor.shape or result.dtype != tensor.dtype.numpy:
                raise ValueError(
                    f"{node.op} '{node.name}' gave {result.dtype}{list(result.shape)}, "
                    f"expected {tensor.dtype.name}{list(tensor.shape)}"
                )
            values[index] = result
    return values


def run(graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Outputs for one sample, from the initial states; `inputs` are in graph order, of the graph's own types. Where
    patches have classes, each is computed as its class says."""
    if graph.classes is not None:
        found = stitching.outputs(graph, [x[None] for x in inputs], _single)
        return [value[0] for value in found]
    values = run_all(graph, inputs)
    return [_value(graph, values, index) for index in graph.outputs]


def run_sequence(graph: Graph, samples: Iterable[Sequence[np.ndarray]]) -> list[list[np.ndarray]]:
    """Outputs for each sample, states kept from one to the next."""
    if not graph.states:
        return [run(graph, sample) for sample in samples]
    states, outputs = initial(graph), []
    for sample in samples:
        values = run_all(graph, sample, states)
        outputs.append([_value(graph, values, index) for index in graph.outputs])
        states = following(graph, values)
    return outputs


def split_map(graph: Graph, inputs: Sequence[np.ndarray]) -> np.ndarray:
    """The split map for one sample of a graph whose patches have classes."""
    whole: np.ndarray = stitching.split_map(graph, [x[None] for x in inputs], _single)[0]
    return whole


def _single(graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Outputs [1, *shape] for inputs [1, *shape]."""
    return [value[None] for value in run(graph, [x[0] for x in inputs])]


def _operand(graph: Graph, values: Mapping[int, np.ndarray], index: int) -> np.ndarray | None:
    return None if index == ABSENT else _value(graph, values, index)


def _value(graph: Graph, values: Mapping[int, np.ndarray], index: int) -> np.ndarray:
    data = graph.tensor(index).data
    return values[index] if data is None else data
