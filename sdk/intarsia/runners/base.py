# SPDX-License-Identifier: Apache-2.0
"""What a runner offers (start a firmware) and what it hands out (a byte link to it)."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from intarsia.errors import EnvironmentMissing

if TYPE_CHECKING:
    from intarsia.boards import Board


class Link(Protocol):
    """Bytes to and from a running firmware."""

    lossy: bool
    """Whether bytes may get lost on the way, so that silence is worth a repeated request."""

    def read(self, max_bytes: int, timeout: float) -> bytes:
        """At least one byte, at most `max_bytes`; empty if none came within `timeout` seconds.

        Raises StageError if the other end is gone.
        """

    def write(self, data: bytes, timeout: float) -> None:
        """Hand over all of `data`; raises StageError if that takes longer, or if the other end is gone."""

    def close(self, timeout: float = 5.0) -> int | None:
        """End the firmware (waiting at most `timeout` seconds for it to end by itself) and free everything.

        Returns its exit code, None if it had to be stopped or has none. May be called again.
        """


class Runner(Protocol):
    """Starts firmware on one kind of target."""

    def parse_options(self, table: Mapping[str, Any], where: str) -> object:
        """Check the board's `[runner]` table (without `kind`); raises UsageError naming `where`."""

    def check(self, board: Board) -> None:
        """Raises EnvironmentMissing, with the command that installs it, if a tool is missing."""

    def open(self, elf: Path, board: Board) -> Link:
        """Start `elf` and connect to it.

        Raises EnvironmentMissing if a tool is missing and StageError if it does not start.
        """


def require_tool(program: str, install: str) -> str:
    """The path of `program`; raises EnvironmentMissing with the hint `install` if there is none."""
    path = shutil.which(program)
    if path is None:
        raise EnvironmentMissing(f"{program} is not installed", hint=install)
    return path
