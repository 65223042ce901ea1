# SPDX-License-Identifier: Apache-2.0
"""Flashes through a debug probe with OpenOCD."""

from __future__ import annotations

import functools
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from intarsia.images import segments
from intarsia.runners._places import awaited, choose_probe
from intarsia.runners._silicon import SiliconRunner, SiliconTable, flash_folder
from intarsia.runners._tool import program_at, run_tool
from intarsia.runners.base import ANYWHERE, Place, Tool

if TYPE_CHECKING:
    from intarsia.boards import Board

OPENOCD = Tool("openocd", "sudo apt-get install openocd")

_Script = Annotated[str, Field(pattern=r"^[a-z0-9_/.-]+\.cfg$")]
_Command = Annotated[str, Field(pattern=r"^[a-z0-9_. ]+$")]


class OpenocdTable(SiliconTable):
    """`interface` and `target` are OpenOCD's own scripts, `setup` commands between them (the transport, say).

    `load`: the firmware goes to flash, or to RAM, where a reset would lose it: then it is entered by its vector table.
    """

    interface: _Script
    target: _Script
    setup: list[_Command] = Field(default_factory=list)
    load: Literal["flash", "ram"] = "flash"


class OpenocdRunner(SiliconRunner[OpenocdTable]):
    """OpenOCD's ``program``: write, verify, reset; or ``load_image`` into the RAM of a halted core."""

    flashed_by = "probe"
    table = OpenocdTable

    def tools(self, board: Board) -> Sequence[Tool]:
        """See `Runner.tools`."""
        return (OPENOCD,)

    def flash(self, elf: Path, board: Board, place: Place = ANYWHERE) -> str:
        """See `Runner.flash`."""
        program = program_at(OPENOCD, place)
        options = self.options(board)
        with flash_folder(elf) as folder:
            probe = awaited(functools.partial(choose_probe, place, options.usb, board.name), place.wait)
            command = [program, "-f", options.interface, "-c", f"adapter serial {probe}"]
            for line in options.setup:
                command += ["-c", line]
            command += ["-f", options.target, "-c", _load(folder / "firmware.elf", options)]
            run_tool(command, folder, board.name, place.host)
        return f"flashed {board.name} through probe {probe}"


def _load(elf: Path, options: OpenocdTable) -> str:
    if options.load == "flash":
        return f"program {elf.name} verify reset exit"
    vectors = segments.read(elf)[0]
    stack, entry = struct.unpack_from("<II", vectors.data)
    steps = ["init", "reset halt", f"load_image {elf.name}", f"verify_image {elf.name}"]
    steps += [f"mww 0xe000ed08 0x{vectors.address:08x}", f"reg msp 0x{stack:08x}"]
    return "; ".join([*steps, f"resume 0x{entry & ~1:08x}", "shutdown"])


RUNNER = OpenocdRunner()
