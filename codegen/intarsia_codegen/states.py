# SPDX-License-Identifier: Apache-2.0
"""Memory that a model keeps between inferences: places in an array of its own, and what they start with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from intarsia.ir import Graph
from intarsia.kernelcall import Alias, KernelCall, Step
from intarsia.ops._movement import MAX_DIMENSIONS, Strides, copy

ALIGNMENT = 16


@dataclass(frozen=True)
class States:
    """Offsets of states, by the tensor that an inference reads, and the bytes of all."""

    offsets: dict[int, int]
    bytes: int

    @staticmethod
    def of(graph: Graph) -> States:
        offsets, end = {}, 0
        for state in graph.states:
            offsets[state.before] = end
            end += -(-graph.tensor(state.before).bytes // ALIGNMENT) * ALIGNMENT
        return States(offsets, end)

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
