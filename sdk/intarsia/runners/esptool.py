# SPDX-License-Identifier: Apache-2.0
"""Flashes Espressif chips through their ROM's serial boot loader with esptool."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from intarsia.images import segments
from intarsia.runners._places import awaited, choose_port
from intarsia.runners._silicon import SiliconRunner, SiliconTable, flash_folder
from intarsia.runners._tool import run_tool
from intarsia.runners.base import ANYWHERE, Place, Tool, find_tool, require_tool

if TYPE_CHECKING:
    from intarsia.boards import Board

_WRITE = {"esptool": "write-flash", "esptool.py": "write_flash"}
"""Program and its command, newest first: version 5 renamed both."""
_INSTALL = "pip install esptool"


class EsptoolTable(SiliconTable):
    """`chip` as esptool names it, `offset` in flash where the image begins, `flash_baud` while it is written."""

    chip: str = Field(pattern=r"^esp32[a-z0-9]*$")
    offset: int = Field(0, ge=0)
    flash_baud: int = Field(460800, ge=9600)


class EsptoolRunner(SiliconRunner[EsptoolTable]):
    """``esptool write-flash`` of a flat image, then a reset."""

    flashed_by = "port"
    table = EsptoolTable

    def tools(self, board: Board) -> Sequence[Tool]:
        """See `Runner.tools`."""
        found = next((name for name in _WRITE if find_tool(name)), "esptool")
        return (Tool(found, _INSTALL),)

    def flash(self, elf: Path, board: Board, place: Place = ANYWHERE) -> str:
        """See `Runner.flash`."""
        name = self.tools(board)[0].program
        program = require_tool(name, _INSTALL)
        options = self.options(board)
        with flash_folder(elf) as folder:
            port = awaited(functools.partial(choose_port, place, options.usb, board.name), place.wait)
            (folder / "firmware.bin").write_bytes(segments.flat(segments.read(elf)).data)
            command = [program, "--chip", options.chip, "--port", port, "--baud", str(options.flash_baud)]
            command += [_WRITE[name], f"0x{options.offset:x}", "firmware.bin"]
            run_tool(command, folder, board.name)
        return f"flashed {board.name} through {port}"


RUNNER = EsptoolRunner()
