# SPDX-License-Identifier: Apache-2.0
"""Flashing tools as child processes: bounded in time, and their own words when they fail."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from intarsia import programs
from intarsia.errors import StageError
from intarsia.runners import _remote
from intarsia.runners.base import Place, Tool, require_tool

FLASH_SECONDS = 180.0
"""Longest that a tool may take; 2 MB at 115,200 baud take as long."""

_SHOWN_LINES = 8


def program_at(tool: Tool, place: Place) -> str:
    """How a tool is called where the place's probe is; raises EnvironmentMissing if it has to be here, and is not."""
    return require_tool(tool.program, tool.install) if _remote.is_here(place.host) else tool.program


def run_tool(command: Sequence[str], folder: Path, device: str, host: str | None = None) -> str:
    """Runs `command` in `folder`, or in a copy of it on another `host`, and returns what it said.

    Raises StageError with that if it fails or does not end.
    """
    name = Path(command[0]).name
    sent = b""
    if host is not None and not _remote.is_here(host):
        command, sent = _remote.in_folder(host, command, folder)
        name += f" on {host}"
    try:
        done = programs.run(command, FLASH_SECONDS, label=name, folder=folder, sent=sent, merged=True)
    except programs.TimedOut as error:
        raise StageError(
            f"{error.message}{_said(error.said)}",
            hint=f"check the connection to {device}, and reset the board",
        ) from None
    if done.code != 0:
        raise StageError(
            f"{name} could not flash {device} (exit code {done.code}){_said(done.out)}",
            hint="check cable and power; the message is the tool's own",
        )
    return done.out


def _said(text: str) -> str:
    """The last lines of what a tool printed, on lines of their own."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "".join(f"\n  {line[:200]}" for line in lines[-_SHOWN_LINES:])
