# SPDX-License-Identifier: Apache-2.0
"""What is said before, and how long is waited for, where every cycle of a core is computed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from intarsia import boards, rtl, simulation
from intarsia.build import Project
from intarsia.request import Silent
from intarsia.runners import find_runner
from intarsia.runners.base import ComputesCycles


class Listener(Silent):
    """Remembers stages and progress."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.steps: list[tuple[int, int]] = []

    def stage(self, name: str) -> None:
        self.stages.append(name)

    def progress(self, done: int, total: int) -> None:
        self.steps.append((done, total))


def project(board: str, *layers: tuple[int, str]) -> Project:
    document: dict[str, Any] = {"layers": [{"macs": macs, "kernels": [kernel]} for macs, kernel in layers]}
    return Project(Path("fw"), document, boards.load(board))


def made_by(command: Sequence[str], variables: object = None) -> None:
    """In place of a compiler."""
    Path(command[-1]).touch()


def test_a_simulator_is_made_once_and_its_steps_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("INTARSIA_CACHE", str(tmp_path))
    monkeypatch.setattr(rtl, "_translate", lambda *given: None)
    monkeypatch.setattr(rtl, "_run", made_by)
    board, first, second = boards.load("rtl-cv32e40p"), Listener(), Listener()
    simulation.prepare(board, first)
    simulation.prepare(board, second)
    assert first.stages == [
        "make the simulator of rtl-cv32e40p, kept for later runs: about 30 s on two idle processors"
    ]
    assert first.steps[0][0] == 1
    assert first.steps[-1][0] == first.steps[-1][1] == len(first.steps)
    assert second.stages == second.steps == []


def test_bounds_grow_with_the_cycles_that_are_expected() -> None:
    runner = find_runner("verilator")
    assert isinstance(runner, ComputesCycles)
    small = project("rtl-cv32e40p", (1000, "conv_2d_s8_s8__xpulp"))
    soft = project("rtl-cv32e40p", (12_500_000, "conv_2d_f32__scalar"))
    packed = project("rtl-cv32e40p-fpu", (12_500_000, "conv_2d_f16__xf16"))
    assert simulation.allowed_seconds(small, 300) == 300
    assert simulation.announcement(small, 5) is None
    assert simulation.allowed_seconds(soft, 300) > 10_000
    assert simulation.expected_seconds(soft) > simulation.expected_seconds(packed)
    said = simulation.announcement(packed, 4)
    assert said is not None
    assert "an inference takes about 51 s" in said


def test_other_boards_keep_their_bound() -> None:
    other = project("qemu-cortex-m4", (12_500_000, "conv_2d_f32__scalar"))
    assert simulation.expected_seconds(other) is None
    assert simulation.allowed_seconds(other, 300) == 300
    listener = Listener()
    simulation.prepare(other.board, listener)
    assert listener.stages == []
