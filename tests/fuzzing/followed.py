# SPDX-License-Identifier: Apache-2.0
"""What follows once a graph has been read: a program for a board, its C files and its description."""

from __future__ import annotations

import contextlib
import json
from functools import cache

from intarsia import boards, data, modelfile, simulate
from intarsia.errors import IntarsiaError
from intarsia.ir import Graph
from intarsia.plan import cost, patch
from intarsia.plan.plan import Plan
from intarsia_codegen import project
from intarsia_codegen.emit import emit

BOARDS = (
    "host",
    "qemu-cortex-m0",
    "qemu-cortex-m4",
    "qemu-cortex-m55",
    "qemu-riscv32",
    "qemu-riscv32-v",
)
MOST_ELEMENTS, MOST_MACS = 100_000, 1_000_000
"""Largest graph that is run in the reference, lest the time be that of honest work."""


_board = cache(boards.load)


def generate(graph: Graph, number: int, plan: Plan | None = None) -> str:
    """Lowers, checks the budget and emits, in memory, for a board that the number decides."""
    board = _board(BOARDS[number % len(BOARDS)])
    program = project.lower_for(graph, board, plan=plan)
    project.check_budget(program, board)
    digest = modelfile.digest(graph)
    emitted = emit(program, board.name, digest)
    json.dumps(project.describe(program, board, digest, emitted), allow_nan=False)
    return "generated"


def cut(graph: Graph, number: int) -> None:
    """Generates patch by patch, where the network can be cut."""
    grid = (1 + number % 3, 2 + number // 3 % 2)
    with contextlib.suppress(IntarsiaError):
        plan = patch.choose(graph, ram=None, input_mode=("arena", "reader")[number // 7 % 2], grid=grid)
        if plan is not None:
            generate(graph, number, plan)


def compute(graph: Graph) -> None:
    """Runs a small graph in the reference."""
    elements = sum(tensor.elements for tensor in graph.tensors)
    if elements > MOST_ELEMENTS or sum(cost.macs(graph)) > MOST_MACS:
        return
    sample = data.random_samples(graph, 1).samples[0] if graph.inputs else ()
    for value, index in zip(simulate.run(graph, sample), graph.outputs, strict=True):
        assert value.shape == graph.tensor(index).shape
