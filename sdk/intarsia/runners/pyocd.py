# SPDX-License-Identifier: Apache-2.0
"""Flashes through a debug probe with pyOCD."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from intarsia.runners._places import awaited, choose_probe
from intarsia.runners._silicon import SiliconRunner, SiliconTable, flash_folder
from intarsia.runners._tool import program_at, run_tool
from intarsia.runners.base import ANYWHERE, Place, Tool

if TYPE_CHECKING:
    from intarsia.boards import Board

PYOCD = Tool("pyocd", "pip install pyocd")


class PyocdTable(SiliconTable):
    """`target` is pyOCD's name of the chip."""

    target: str = Field(pattern=r"^[a-z0-9_]+$")


class PyocdRunner(SiliconRunner[PyocdTable]):
    """``pyocd load``, which resets the chip when it is done."""

    flashed_by = "probe"
    table = PyocdTable

    def tools(self, board: Board) -> Sequence[Tool]:
        """See `Runner.tools`."""
        return (PYOCD,)

    def flash(self, elf: Path, board: Board, place: Place = ANYWHERE) -> str:
        """See `Runner.flash`."""
        program = program_at(PYOCD, place)
        options = self.options(board)
        with flash_folder(elf) as folder:
            probe = awaited(functools.partial(choose_probe, place, options.usb, board.name), place.wait)
            command = [program, "load", "--no-wait", "--uid", probe, "--target", options.target]
            run_tool([*command, "firmware.elf"], folder, board.name, place.host)
        return f"flashed {board.name} through probe {probe}"


RUNNER = PyocdRunner()
