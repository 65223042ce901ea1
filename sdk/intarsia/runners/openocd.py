# SPDX-License-Identifier: Apache-2.0
"""Flashes through a debug probe with OpenOCD."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from intarsia.runners._places import awaited, choose_probe
from intarsia.runners._silicon import SiliconRunner, SiliconTable, flash_folder
from intarsia.runners._tool import run_tool
from intarsia.runners.base import ANYWHERE, Place, Tool, require_tool

if TYPE_CHECKING:
    from intarsia.boards import Board

OPENOCD = Tool("openocd", "sudo apt-get install openocd")

_Script = Annotated[str, Field(pattern=r"^[a-z0-9_/.-]+\.cfg$")]
_Command = Annotated[str, Field(pattern=r"^[a-z0-9_. ]+$")]


class OpenocdTable(SiliconTable):
    """`interface` and `target` are OpenOCD's own scripts, `setup` commands between them (the transport, say)."""

    interface: _Script
    target: _Script
    setup: list[_Command] = Field(default_factory=list)


class OpenocdRunner(SiliconRunner[OpenocdTable]):
    """OpenOCD's ``program``: write, verify, reset."""

    table = OpenocdTable

    def tools(self, board: Board) -> Sequence[Tool]:
        """See `Runner.tools`."""
        return (OPENOCD,)

    def flash(self, elf: Path, board: Board, place: Place = ANYWHERE) -> str:
        """See `Runner.flash`."""
        program = require_tool(OPENOCD.program, OPENOCD.install)
        options = self.options(board)
        with flash_folder(elf) as folder:
            probe = awaited(functools.partial(choose_probe, place, options.usb, board.name), place.wait)
            command = [program, "-f", options.interface, "-c", f"adapter serial {probe}"]
            for line in options.setup:
                command += ["-c", line]
            command += ["-f", options.target, "-c", "program firmware.elf verify reset exit"]
            run_tool(command, folder, board.name)
        return f"flashed {board.name} through probe {probe}"


RUNNER = OpenocdRunner()
