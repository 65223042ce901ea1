# SPDX-License-Identifier: Apache-2.0
"""Project to ELF, with exact sizes. Drives the project's own CMake."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from intarsia import boards, programs, projectfile, sizes, stack, toolchain
from intarsia.boards import Board
from intarsia.errors import BudgetError, EnvironmentMissing, StageError

MARKER = "intarsia.json"
CONFIGURE_SECONDS = 120.0
BUILD_SECONDS = 900.0


@dataclass(frozen=True)
class Project:
    """A generated project on disk: its folder, its description (`intarsia.json`) and its board.

    `dumping`: what is meant is its second firmware, which sends every feature map to the host.
    """

    folder: Path
    document: dict[str, Any]
    board: Board
    dumping: bool = False

    @property
    def build_folder(self) -> Path:
        return self.folder / "build" / "dumping" if self.dumping else self.folder / "build"

    @property
    def elf(self) -> Path:
        return self.build_folder / "firmware.elf"


@dataclass(frozen=True)
class Built:
    """A built project and its exact memory figures."""

    project: Project
    memory: sizes.MemoryReport


def open_project(folder: Path) -> Project:
    """Reads a project folder. Raises UsageError when it is not one of ours."""
    document = projectfile.read(folder / MARKER)
    board = boards.load(document["board"])
    return Project(folder.absolute(), document, board.with_link(document["link"]))


def tool(name: str) -> str:
    """Path of cmake or ninja: of this environment first, then of the system. Raises EnvironmentMissing."""
    local = Path(sys.executable).with_name(name)
    found = str(local) if local.exists() else shutil.which(name)
    if found is None:
        raise EnvironmentMissing(f"{name} is not installed", hint=f"pip install {name}")
    return found


def build(
    folder: Path, *, ram: int | None = None, flash: int | None = None, jobs: int | None = None
) -> Built:
    """Configures and compiles a project; sizes come from the ELF.

    `ram` and `flash` are budgets in bytes; by default the board's. Raises EnvironmentMissing when a tool is missing,
    StageError with the compiler's first messages, BudgetError when the firmware does not fit.
    """
    project = open_project(folder)
    _check_compiler(project)
    _run_cmake(project, jobs)
    name = project.document["identifier"]
    pointed = (f"{name}_init", f"{name}_invoke", f"{name}_attach")
    report = sizes.measure(project.elf, stack.analyse(project.elf, project.board.target.arch, pointed))
    built = Built(project, report)
    check_budget(built, ram, flash)
    return built


def build_dumping(folder: Path, *, jobs: int | None = None) -> Project:
    """Builds a second firmware of a project, which sends every feature map to the host. Raises as `build`, but for
    budgets: what is flashed for a search need not fit what the product may take."""
    project = replace(open_project(folder), dumping=True)
    _check_compiler(project)
    _run_cmake(project, jobs)
    return project


def check_budget(built: Built, ram: int | None, flash: int | None) -> None:
    """Raises BudgetError with need, have and the largest consumers when a budget is exceeded."""
    memory, report = built.project.board.memory, built.memory
    for what, need, have, parts in (
        ("RAM", report.ram_bytes, ram or memory.ram, report.ram_parts),
        ("flash", report.flash_bytes, flash or memory.flash, report.flash_parts),
    ):
        if have is not None and need > have:
            largest = ", ".join(f"{name} {size:,}" for name, size in parts[:5])
            raise BudgetError(
                f"{what}: needs {need:,} bytes, has {have:,}; largest: {largest}",
                hint=f"choose a board with more {what}, or a smaller model",
            )


def _check_compiler(project: Project) -> None:
    for program, install in toolchain.missing(project.board):
        raise EnvironmentMissing(f"{program} is not installed; {project.board.name} needs it", hint=install)


def _run_cmake(project: Project, jobs: int | None) -> None:
    cmake, target = tool("cmake"), project.build_folder
    if not (target / "build.ninja").exists():
        command = [cmake, "-S", str(project.folder), "-B", str(target), "-G", "Ninja"]
        command += [f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}"]
        command += [f"-DCMAKE_TOOLCHAIN_FILE={project.folder / 'toolchain.cmake'}"]
        command += [f"-DITR_DUMP={'ON' if project.dumping else 'OFF'}"]
        _run(command, "configure", CONFIGURE_SECONDS, project)
    _run([cmake, "--build", str(target), "-j", str(jobs or os.cpu_count())], "build", BUILD_SECONDS, project)


def _run(command: list[str], step: str, seconds: float, project: Project) -> None:
    done = programs.run(command, seconds, label=f"{step} of {project.folder.name}")
    if done.code == 0:
        return
    log = project.folder / f"{step}.log"
    log.write_text(done.out + done.err, encoding="utf-8")
    lines = [line for line in (done.out + done.err).splitlines() if "error" in line or "undefined" in line]
    lines += [
        line for line in (done.out + done.err).splitlines() if "will not fit" in line or "overflowed" in line
    ]
    shown = "\n  ".join(lines[:4]) or "no message"
    raise StageError(f"{step} of {project.folder.name} failed:\n  {shown}", hint=f"the whole log is in {log}")
