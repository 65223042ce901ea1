# SPDX-License-Identifier: Apache-2.0
"""Memory that a model keeps between inferences: places in an array of its own, and what they start with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from intarsia import ops
from intarsia.ir import Graph, State
from intarsia.kernelcall import Alias, KernelCall, Step
from intarsia.ops._movement import MAX_DIMENSIONS, Strides, copy

ALIGNMENT = 16


@dataclass(frozen=True)
class States:
    """Offsets of states by tensor: those that an inference reads, and those that replace them in their place.

    `moved` are written to the arena and copied here at the end of an inference. `bytes`: of all states.
    """

    offsets: dict[int, int]
    moved: tuple[State, ...]
    bytes: int

    @staticmethod
    def of(graph: Graph) -> States:
        offsets, moved, end = {}, [], 0
        for state in graph.states:
            offsets[state.before] = end
            if _replaced(state, graph):
                offsets[state.after] = end
            else:
                moved.append(state)
            end += -(-graph.tensor(state.before).bytes // ALIGNMENT) * ALIGNMENT
        return States(offsets, tuple(moved), end)

    def steps(self, steps: list[Step], graph: Graph) -> list[Step]:
        """Steps of a node that leave states as they are: none is shared with what an inference writes."""
        return [self._step(step, graph) for step in steps]

    def _step(self, step: Step, graph: Graph) -> Step:
        if isinstance(step, KernelCall):
            kept = tuple(pair for pair in step.inplace if step.inputs[pair[0]] not in self.offsets)
            return replace(step, inplace=kept)
        if step.source not in self.offsets:
            return step
        return _copied(step, graph)


def _replaced(state: State, graph: Graph) -> bool:
    """Whether a kernel writes what a state becomes over what it was: it must be the only one to read that."""
    readers = list(graph.readers(state.before))
    if (
        len(readers) != 1
        or state.after in graph.outputs
        or state.after not in graph.nodes[readers[0]].outputs
    ):
        return False
    if [s.after for s in graph.states].count(state.after) != 1:
        return False
    node = graph.nodes[readers[0]]
    steps = ops.registry()[node.op].lower(node, graph)
    pairs = {
        (step.inputs[a], step.outputs[b])
        for step in steps
        if isinstance(step, KernelCall) and step.inputs.count(state.before) == 1
        for a, b in step.inplace
    }
    return len(steps) == 1 and (state.before, state.after) in pairs


def _copied(alias: Alias, graph: Graph) -> KernelCall:
    """A copy in place of a view of a state."""
    front = (0,) * (MAX_DIMENSIONS - 1)
    elements = graph.tensor(alias.source).elements
    loop = Strides((*(1 for _ in front), elements), (*front, 1), (*front, 1), 0, 0)
    return copy(alias.source, alias.target, graph, loop)


def initial(graph: Graph, states: States) -> list[dict[str, Any]]:
    """What `init` writes: places that are filled with one byte, and arrays of bytes for others."""
    found = []
    for number, state in enumerate(graph.states):
        content = np.frombuffer(graph.tensor(state.before).dtype.pack(state.initial), np.uint8)
        uniform = bool((content == content[0]).all()) if content.size else True
        found.append(
            {
                "offset": states.offsets[state.before],
                "bytes": content.size,
                "value": int(content[0]) if uniform and content.size else 0,
                "data": None if uniform else content,
                "constant": f"state{number}",
            }
        )
    return found
