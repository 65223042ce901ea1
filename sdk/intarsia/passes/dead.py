# SPDX-License-Identifier: Apache-2.0
"""Drops nodes whose outputs nobody reads, and tensors that nothing names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from intarsia.ir import ABSENT, Graph, Node


def run(graph: Graph) -> Graph:
    """Graph inputs stay, read or not: they are the model's interface."""
    needed = set(graph.results)
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if needed.intersection(node.outputs):
            kept.append(node)
            needed.update(node.inputs)
    return compact(graph.replace(nodes=tuple(reversed(kept)))).verify()


def compact(graph: Graph) -> Graph:
    """The graph with unused tensors dropped and indices renumbered."""
    used = {*graph.given, *graph.results}
    for node in graph.nodes:
        used.update(node.inputs, node.outputs)
    used.discard(ABSENT)
    order = sorted(used)
    numbers = {old: new for new, old in enumerate(order)} | {ABSENT: ABSENT}

    def renumber(indices: Iterable[int]) -> tuple[int, ...]:
        return tuple(numbers[index] for index in indices)

    nodes = tuple(replace(n, inputs=renumber(n.inputs), outputs=renumber(n.outputs)) for n in graph.nodes)
    return graph.replace(
        tensors=tuple(graph.tensors[index] for index in order),
        nodes=nodes,
        inputs=renumber(graph.inputs),
        outputs=renumber(graph.outputs),
        states=tuple(
            replace(state, before=numbers[state.before], after=numbers[state.after]) for state in graph.states
        ),
    )
