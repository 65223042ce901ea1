# SPDX-License-Identifier: Apache-2.0
"""What a run was made with: versions of Intarsia, of the compiler, of the emulator, and of the system."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from elftools.elf.elffile import ELFFile

import intarsia
from intarsia import programs
from intarsia.build import Built
from intarsia.runners import find_runner


@dataclass(frozen=True)
class Environment:
    """`compiler` is what the firmware says about its own making (all, where several compilers took part), `runner`
    the emulator that ran it or the tool that flashed it (None: none was needed), `command` the command line that
    asked for it (None: called from Python), `made` the time in UTC."""

    intarsia: str
    python: str
    numpy: str
    system: str
    compiler: str
    runner: str | None
    command: str | None
    made: str


def describe(built: Built, command: str | None) -> Environment:
    """The environment of a built firmware that is about to run."""
    board = built.project.board
    versions = [programs.version(tool.program) for tool in find_runner(board.runner.kind).tools(board)]
    return Environment(
        intarsia=intarsia.__version__,
        python=platform.python_version(),
        numpy=np.__version__,
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        compiler=_compiler(built),
        runner=", ".join(version for version in versions if version) or None,
        command=command,
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def _compiler(built: Built) -> str:
    """The section `.comment` of the ELF, in which compilers leave their names."""
    with built.project.elf.open("rb") as stream:
        section = ELFFile(stream).get_section_by_name(".comment")
        texts = section.data().split(b"\0") if section else []
    names = dict.fromkeys(text.decode("utf-8", "replace").strip() for text in texts)
    return ", ".join(name for name in names if name) or "unknown"
