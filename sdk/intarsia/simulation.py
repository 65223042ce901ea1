# SPDX-License-Identifier: Apache-2.0
"""How long a simulated core takes: every clock cycle is computed, so that whole networks run for minutes."""

from __future__ import annotations

from intarsia.boards import Board
from intarsia.build import Project
from intarsia.request import Watcher
from intarsia.runners import find_runner
from intarsia.runners.base import ComputesCycles

CYCLES_PER_MAC = {"scalar": 12.0, "blocked": 5.0}
"""Cycles of a MAC in portable C, by instruction set, as measured on CV32E40P; other kernels take less than
`OWN_CYCLES_PER_MAC`."""

OWN_CYCLES_PER_MAC = 3.0
SOFT_FLOAT_CYCLES_PER_MAC = 150.0
"""Of floats in portable C without a floating-point unit."""

FLOAT_UNIT = "xf16"
"""The instruction set of boards with a floating-point unit."""

OVERHEAD_CYCLES = 1e6
"""Of starting, and of layers without products."""

SLACK = 25.0
"""A run may take so many times the estimate before it counts as hung: computers are shared, layers differ."""

WORTH_SAYING = 20.0
"""Seconds of an inference from which on the estimate is told."""


def prepare(board: Board, watcher: Watcher) -> None:
    """Makes the simulator of a board that needs one and has none yet, as a stage of its own. Raises as
    `ComputesCycles.prepare`."""
    runner = find_runner(board.runner.kind)
    if isinstance(runner, ComputesCycles) and (what := runner.unprepared(board)) is not None:
        watcher.stage(f"make {what}")
        runner.prepare(board, watcher.progress)


def expected_seconds(project: Project) -> float | None:
    """What an inference takes on an idle computer; None where no cycles are computed."""
    runner = find_runner(project.board.runner.kind)
    if not isinstance(runner, ComputesCycles):
        return None
    floats = FLOAT_UNIT in project.board.target.isa
    cycles = sum(
        layer["macs"] * _cycles_per_mac(layer["kernels"], floats) for layer in project.document["layers"]
    )
    return runner.seconds(project.board, OVERHEAD_CYCLES + cycles)


def allowed_seconds(project: Project, otherwise: float) -> float:
    """Longest that an inference may take; `otherwise` is the least, and the bound where no cycles are computed."""
    expected = expected_seconds(project)
    return otherwise if expected is None else max(otherwise, SLACK * expected)


def announcement(project: Project, samples: int) -> str | None:
    """What to say before a long run; None before a short one."""
    expected = expected_seconds(project)
    if expected is None or expected < WORTH_SAYING:
        return None
    return (
        f"every clock cycle is simulated: an inference takes about {expected:,.0f} s on an idle processor, "
        f"{samples} of them at least {samples * expected / 60:,.0f} min of its time"
    )


def _cycles_per_mac(kernels: list[str], floats: bool) -> float:
    """Of the slowest kernel of a layer."""
    return max((_of_kernel(kernel, floats) for kernel in kernels), default=0.0)


def _of_kernel(kernel: str, floats: bool) -> float:
    contract, _, isa = kernel.rpartition("__")
    if isa == "scalar" and not floats and contract.endswith(("_f32", "_f16")):
        return SOFT_FLOAT_CYCLES_PER_MAC
    return CYCLES_PER_MAC.get(isa, OWN_CYCLES_PER_MAC)
