# SPDX-License-Identifier: Apache-2.0
"""Runs a firmware in QEMU, with time tied to the instruction count.

The link is either a pair of FIFOs that the firmware opens through semihosting (fast, in blocks), or the
emulated UART (the same code as on silicon) on pipes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from intarsia.runners._options import StrictTable, parse_table
from intarsia.runners._process import (
    ProcessLink,
    needs_no_flashing,
    require_file,
    scratch_folder,
    start_process,
)
from intarsia.runners.base import ANYWHERE, Link, Place, Tool, require_tool, require_tools
from intarsia.wire import RECEIVE_FIFO, TRANSMIT_FIFO

if TYPE_CHECKING:
    from intarsia.boards import Board

_PACKAGES = {"qemu-system-riscv32": "qemu-system-misc (newer releases: qemu-system-riscv)"}


class _Table(StrictTable):
    program: str = Field(pattern=r"^qemu-system-[a-z0-9]+$")
    machine: str = Field(pattern=r"^[a-z0-9._-]+(,[a-z0-9]+=[a-z0-9]+)*$")
    cpu: str | None = None
    icount_shift: int = Field(ge=0, le=10)
    extra_args: list[str] = Field(default_factory=list)


@dataclass(frozen=True)
class QemuOptions:
    """One emulated machine; an instruction takes 2**icount_shift ns of its time."""

    program: str
    machine: str
    cpu: str | None
    icount_shift: int
    extra_args: tuple[str, ...]


class QemuRunner:
    """Starts QEMU in a scratch folder of its own and connects to the firmware in it."""

    starts_firmware = True

    def parse_options(self, table: Mapping[str, Any], where: str) -> object:
        """See `Runner.parse_options`."""
        parsed = parse_table(_Table, table, where)
        return QemuOptions(
            parsed.program, parsed.machine, parsed.cpu, parsed.icount_shift, tuple(parsed.extra_args)
        )

    def check(self, board: Board) -> None:
        """See `Runner.check`."""
        require_tools(self.tools(board))

    def tools(self, board: Board) -> Sequence[Tool]:
        """See `Runner.tools`."""
        program = _options(board).program
        return (Tool(program, f"sudo apt-get install {_PACKAGES.get(program, program)}"),)

    def flash(self, elf: Path, board: Board, place: Place = ANYWHERE) -> str:
        """There is nothing to flash."""
        return needs_no_flashing(board)

    def open(self, elf: Path, board: Board, place: Place = ANYWHERE) -> Link:
        """See `Runner.open`."""
        options = _options(board)
        (tool,) = self.tools(board)
        program = require_tool(tool.program, tool.install)
        cpu = ["-cpu", options.cpu] if options.cpu else []
        base = [program, "-M", options.machine, *cpu, "-display", "none", "-monitor", "none"]
        base += ["-icount", f"shift={options.icount_shift}"]
        base += ["-semihosting-config", "enable=on,target=native", *options.extra_args]
        base += ["-kernel", str(require_file(elf))]
        folder = scratch_folder()
        if board.target.link == "uart":
            return _open_uart(base, folder)
        return _open_fifos(base, folder)


def _options(board: Board) -> QemuOptions:
    assert isinstance(board.runner.options, QemuOptions)
    return board.runner.options


def _open_fifos(command: list[str], folder: Path) -> Link:
    for name in (RECEIVE_FIFO, TRANSMIT_FIFO):
        os.mkfifo(folder / name, 0o600)
    # Both open without waiting for the firmware; for writing, only a descriptor that also reads can do that.
    writer = os.fdopen(os.open(folder / RECEIVE_FIFO, os.O_RDWR | os.O_NONBLOCK), "r+b", buffering=0)
    reader = os.fdopen(os.open(folder / TRANSMIT_FIFO, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0)
    process = start_process([*command, "-serial", "none"], folder)
    return ProcessLink(process, reader, writer, folder)


def _open_uart(command: list[str], folder: Path) -> Link:
    # Pipes: a socket has room for some 270 single bytes only, and some emulated UARTs drop what does not fit.
    process = start_process([*command, "-serial", "stdio"], folder, piped=True)
    assert process.stdin is not None
    assert process.stdout is not None
    return ProcessLink(process, process.stdout, process.stdin, folder, lossy=True, ends_on_eof=False)


RUNNER = QemuRunner()
