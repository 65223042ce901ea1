# SPDX-License-Identifier: Apache-2.0
"""Emulated chips of the families that real boards have: the same HAL code, UART and all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from intarsia import boards
from intarsia.boards import Board, RunnerChoice
from intarsia.runners import find_runner

FOLDER = Path(__file__).parents[1] / "emulator" / "chips"


def chip(name: str) -> Board:
    """A chip of tests/emulator/chips."""
    return boards.load_folder(FOLDER / name)


def restarting(board: Board) -> Board:
    """The same chip with firmware that starts over by itself, without a reset."""
    hal = tuple(name.replace("cortex_m_reset", "cortex_m_restart") for name in board.target.hal)
    return replace(board, target=replace(board.target, hal=hal))


def hifive1() -> Board:
    """The HiFive1 Rev B as it is on the shelf, run by QEMU instead of being flashed."""
    options = {"program": "qemu-system-riscv32", "machine": "sifive_e,revb=true", "icount_shift": 0}
    parsed = find_runner("qemu").parse_options(options, "hifive1")
    return replace(boards.load("hifive1-revb"), runner=RunnerChoice("qemu", parsed))
