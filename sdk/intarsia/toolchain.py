# SPDX-License-Identifier: Apache-2.0
"""Compilers a board needs, read from its toolchain file: lines `# needs PROGRAM: COMMAND THAT INSTALLS IT`."""

from __future__ import annotations

import re
import shutil

from intarsia import assets
from intarsia.boards import Board
from intarsia.errors import UsageError

_NEEDS = re.compile(r"^# needs (\S+): (.+)$", re.MULTILINE)


def needs(board: Board) -> list[tuple[str, str]]:
    """(program, command that installs it) for each program. Raises UsageError for an unknown toolchain."""
    path = assets.firmware() / "toolchains" / f"{board.target.toolchain}.cmake"
    if not path.is_file():
        known = sorted(p.stem for p in path.parent.glob("*.cmake"))
        raise UsageError(
            f"board '{board.name}' names toolchain '{board.target.toolchain}'",
            hint=f"known: {', '.join(known)}",
        )
    return _NEEDS.findall(path.read_text(encoding="utf-8"))


def missing(board: Board) -> list[tuple[str, str]]:
    """Those of `needs` that are not installed."""
    return [(program, install) for program, install in needs(board) if shutil.which(program) is None]
