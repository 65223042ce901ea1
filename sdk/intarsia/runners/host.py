# SPDX-License-Identifier: Apache-2.0
"""Runs a firmware that was built for this computer as a child process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intarsia.runners._options import StrictTable, parse_table
from intarsia.runners._process import ProcessLink, require_file, scratch_folder, start_process
from intarsia.runners.base import Link

if TYPE_CHECKING:
    from intarsia.boards import Board


class HostRunner:
    """The firmware's standard input and output are the link."""

    def parse_options(self, table: Mapping[str, Any], where: str) -> object:
        """There are no options."""
        return parse_table(StrictTable, table, where)

    def check(self, board: Board) -> None:
        """Nothing is needed."""

    def open(self, elf: Path, board: Board) -> Link:
        """See `Runner.open`."""
        program = require_file(elf)
        folder = scratch_folder()
        process = start_process([str(program)], folder, piped=True)
        assert process.stdin is not None
        assert process.stdout is not None
        return ProcessLink(process, process.stdout, process.stdin, folder)


RUNNER = HostRunner()
