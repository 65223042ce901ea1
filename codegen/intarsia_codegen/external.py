# SPDX-License-Identifier: Apache-2.0
"""Inputs and outputs that lie in memory of the caller instead of the arena."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from intarsia.errors import UsageError
from intarsia.ir import Graph
from intarsia.kernelcall import Alias
from intarsia.plan import arena
from intarsia_codegen import patches
from intarsia_codegen.program import Program, task


def run(program: Program) -> Program:
    """The program with its inputs and outputs outside the arena. An input that a reader fetches has no memory at all.

    Raises UsageError when an output is the same bytes as an input or as another output: it cannot lie in two places.
    """
    outside = _places(program)
    stages = program.stages
    behind = [task(layer, program.states) for layer in program.behind]
    if stages is None:
        graph = program.graph
        lifetimes = arena.Lifetimes(graph.inputs, graph.results)
        buffers, placement = arena.plan(behind, lifetimes, lambda t: graph.tensor(t).bytes, outside=outside)
    else:
        before = [
            patches.tasks(form, layers) for form, layers in zip(stages.forms, program.forms, strict=True)
        ]
        buffers, placement = stages.arena(before, behind, outside=outside)
    return replace(program, buffers=buffers, placement=placement, external=outside)


def _places(program: Program) -> dict[int, str]:
    """Names of the pointers by tensor; views of inputs and outputs lie where these do."""
    graph = program.graph
    inputs = {} if program.reads_patches else {t: f"input_{i}" for i, t in enumerate(graph.inputs)}
    outputs = {t: f"output_{i}" for i, t in enumerate(graph.outputs)}
    if inputs.keys() & outputs.keys() or len(outputs) != len(graph.outputs):
        raise _twice(graph, graph.outputs)
    found = {**inputs, **outputs}
    aliases = [alias for layer in program.code for alias in layer.aliases]
    for alias in aliases:
        _follow(graph, found, alias, alias.source, alias.target)
    for alias in reversed(aliases):
        _follow(graph, found, alias, alias.target, alias.source)
    return found


def _follow(graph: Graph, found: dict[int, str], alias: Alias, known: int, other: int) -> None:
    if known in found and found.setdefault(other, found[known]) != found[known]:
        raise _twice(graph, (alias.target,))


def _twice(graph: Graph, outputs: Iterable[int]) -> UsageError:
    names = ", ".join(f"'{graph.tensor(t).name}'" for t in outputs)
    return UsageError(
        f"--io external: {names} of '{graph.name}' is the same memory as an input or another output",
        hint="use --io arena for this model",
    )
