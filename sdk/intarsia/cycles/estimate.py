# SPDX-License-Identifier: Apache-2.0
"""Estimated cycles of every layer of one inference: executed instructions times their documented cycles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from intarsia.boards import Board
from intarsia.build import Project
from intarsia.cycles import cortex_m4, listing, trace
from intarsia.cycles.listing import Instruction
from intarsia.cycles.trace import Step
from intarsia.errors import StageError

NOTE = (
    "est. cycles: an estimate from the instructions that were executed and the core's documented timing, without wait\n"
    "states; nothing measured them"
)
"""What is said wherever estimates are printed."""


@dataclass(frozen=True)
class Estimate:
    """Of one layer: instructions it executed, and cycles they take by the core's documented timing."""

    instructions: int
    cycles: int


Timing = Callable[[Sequence[Instruction], bool], int]
"""The documented timing of a core: cycles of a block, and whether the branch at its end is taken."""

TIMINGS: Mapping[str, Timing] = {"cortex-m4": cortex_m4.block_cycles}
"""By the boards' word for the core."""


def timing_of(board: Board) -> Timing | None:
    """The timing of an emulated board's core; None where there is none, or the board counts cycles itself."""
    emulated = board.runner.kind == "qemu"
    return TIMINGS.get(board.target.cpu) if emulated and board.counter.unit == "instructions" else None


def layers(project: Project, sample: Sequence[np.ndarray]) -> list[Estimate] | None:
    """One estimate for each time a layer runs, in the order of execution; None for a board without a timing.

    Raises StageError when the trace and the disassembly do not agree, and what `trace.trace` raises.
    """
    timing = timing_of(project.board)
    if timing is None:
        return None
    listed = listing.read(project.elf, project.board.target.arch)
    return estimate(trace.trace(project, sample), listed, timing)


def estimate(
    executed: Sequence[trace.Steps], listed: Mapping[int, Instruction], timing: Timing
) -> list[Estimate]:
    """The same from a trace and a listing."""

    @cache
    def costs(step: Step) -> Estimate:
        block = _block(listed, step)
        return Estimate(len(block), timing(block, step.following != block[-1].end))

    found = []
    for steps in executed:
        parts = [(count, costs(step)) for step, count in steps.items()]
        instructions = sum(count * cost.instructions for count, cost in parts)
        found.append(Estimate(instructions, sum(count * cost.cycles for count, cost in parts)))
    return found


def _block(listed: Mapping[int, Instruction], step: Step) -> tuple[Instruction, ...]:
    block: list[Instruction] = []
    address = step.first
    while address <= step.last:
        if address not in listed:
            raise StageError(f"no instruction is listed at {address:#x}, which the emulator executed")
        block.append(listed[address])
        address = block[-1].end
    return tuple(block)
