# SPDX-License-Identifier: Apache-2.0
"""Flashes through a GDB server: that of a probe (J-Link, Black Magic, st-util), of an emulator or of a board farm."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from intarsia.errors import EnvironmentMissing, StageError, UsageError
from intarsia.runners._silicon import SiliconRunner, SiliconTable, flash_folder
from intarsia.runners._tool import run_tool
from intarsia.runners.base import ANYWHERE, Place, Tool, find_tool

if TYPE_CHECKING:
    from intarsia.boards import Board

GDB = Tool("gdb-multiarch", "sudo apt-get install gdb-multiarch")
PROGRAMS = {"arm": "arm-none-eabi-gdb", "riscv": "riscv64-unknown-elf-gdb"}
"""What serves an architecture where there is no gdb-multiarch."""
ANSWER_SECONDS = 10

_SERVER = r"^[A-Za-z0-9.-]+:[0-9]{1,5}$"
_MISMATCH = "MIS-MATCHED"
_Command = Annotated[str, Field(pattern=r"^[a-z0-9_ ]+$")]


class GdbTable(SiliconTable):
    """`server` is HOST:PORT; `prepare` and `restart` are its own commands (`monitor`) before loading and behind it."""

    server: str = Field("localhost:3333", pattern=_SERVER)
    prepare: list[_Command] = Field(default_factory=list)
    restart: list[_Command] = Field(default_factory=list)


class GdbRunner(SiliconRunner[GdbTable]):
    """GDB's ``load`` and ``compare-sections``."""

    flashed_by = "server"
    table = GdbTable

    def tools(self, board: Board) -> Sequence[Tool]:
        """See `Runner.tools`."""
        other = PROGRAMS.get(board.target.arch)
        if other is not None and find_tool(GDB.program) is None and find_tool(other) is not None:
            return (Tool(other, GDB.install),)
        return (GDB,)

    def flash(self, elf: Path, board: Board, place: Place = ANYWHERE) -> str:
        """See `Runner.flash`. The `probe` of a place is the server, HOST:PORT."""
        options = self.options(board)
        server = place.probe or options.server
        if not re.match(_SERVER, server):
            raise UsageError(f"--probe: '{server}' is no GDB server", hint="give HOST:PORT")
        (tool,) = self.tools(board)
        program = find_tool(tool.program)
        if program is None:
            raise EnvironmentMissing(f"{tool.program} is not installed", hint=tool.install)
        with flash_folder(elf) as folder:
            # Of a file of commands, the first that fails ends GDB with an error.
            (folder / "flash.gdb").write_text(_script(server, options), encoding="utf-8")
            command = [program, "-nx", "-batch", "-x", "flash.gdb", "firmware.elf"]
            said = run_tool(command, folder, board.name)
        if _MISMATCH in said:
            raise StageError(
                f"{board.name} does not hold what was written to it: {_first(said)}",
                hint="is the flash protected, or is this another chip?",
            )
        return f"flashed {board.name} through the GDB server {server}"


def _script(server: str, options: GdbTable) -> str:
    lines = [
        "set confirm off",
        "set tcp auto-retry off",
        f"set remotetimeout {ANSWER_SECONDS}",
        f"set tcp connect-timeout {ANSWER_SECONDS}",
    ]
    lines += [f"target extended-remote {server}"]
    lines += [f"monitor {command}" for command in options.prepare]
    lines += ["load", "compare-sections"]
    lines += [f"monitor {command}" for command in options.restart]
    return "\n".join([*lines, "detach", ""])


def _first(said: str) -> str:
    return next(line.strip() for line in said.splitlines() if _MISMATCH in line)


RUNNER = GdbRunner()
