# SPDX-License-Identifier: Apache-2.0
"""Versions of the programs that Intarsia runs."""

from __future__ import annotations

import subprocess

from intarsia.runners.base import find_tool

VERSION_SECONDS = 20.0


def version(program: str) -> str | None:
    """First line of what a program says about its version; None when it is not installed."""
    path = find_tool(program)
    if path is None:
        return None
    try:
        done = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=VERSION_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return path
    lines = done.stdout.splitlines()
    return lines[0].strip() if lines else path
