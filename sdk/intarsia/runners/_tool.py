# SPDX-License-Identifier: Apache-2.0
"""Flashing tools as child processes: bounded in time, and their own words when they fail."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from intarsia.errors import StageError

FLASH_SECONDS = 180.0
"""Longest that a tool may take; 2 MB at 115,200 baud take as long."""

_SHOWN_LINES = 8


def run_tool(command: Sequence[str], folder: Path, device: str) -> None:
    """Run `command` in `folder`; raises StageError with what it said if it fails or does not end."""
    name = Path(command[0]).name
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=FLASH_SECONDS,
            check=False,
        )
    except OSError as error:
        raise StageError(f"cannot start {name}: {error.strerror}", hint=f"install {name} again") from None
    except subprocess.TimeoutExpired as error:
        raise StageError(
            f"{name} did not finish within {FLASH_SECONDS:g} s{_said(error.stdout)}",
            hint=f"check the connection to {device}, and reset the board",
        ) from None
    if done.returncode != 0:
        raise StageError(
            f"{name} could not flash {device} (exit code {done.returncode}){_said(done.stdout)}",
            hint="check cable and power; the message is the tool's own",
        )


def _said(output: bytes | None) -> str:
    """The last lines of what a tool printed, on lines of their own."""
    text = (output or b"").decode(errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "".join(f"\n  {line[:200]}" for line in lines[-_SHOWN_LINES:])
