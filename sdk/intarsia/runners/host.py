# SPDX-License-Identifier: Apache-2.0
"""Runs a firmware that was built for this computer as a child process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intarsia.runners._options import StrictTable, parse_table
from intarsia.runners._process import (
    ProcessLink,
    needs_no_flashing,
    require_file,
    scratch_folder,
    start_process,
)
from intarsia.runners.base import ANYWHERE, Link, Place, Tool

if TYPE_CHECKING:
    from intarsia.boards import Board


class HostRunner:
    """The firmware's standard input and output are the link."""

    starts_firmware = True

    def parse_options(self, table: Mapping[str, Any], where: str) -> object:
        """There are no options."""
        return parse_table(StrictTable, table, where)

    def tools(self, board: Board) -> Sequence[Tool]:
        """Nothing is needed."""
        return ()

    def check(self, board: Board) -> None:
        """Nothing is needed."""

    def flash(self, elf: Path, board: Board, place: Place = ANYWHERE) -> str:
        """There is nothing to flash."""
        return needs_no_flashing(board)

    def open(self, elf: Path, board: Board, place: Place = ANYWHERE) -> Link:
        """See `Runner.open`."""
        program = require_file(elf)
        folder = scratch_folder()
        process = start_process([str(program)], folder, piped=True)
        assert process.stdin is not None
        assert process.stdout is not None
        return ProcessLink(process, process.stdout, process.stdin, folder)


RUNNER = HostRunner()
