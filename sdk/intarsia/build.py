# SPDX-License-Identifier: Apache-2.0
"""Project to ELF, with exact sizes. Drives the project's own CMake."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from intarsia import boards, overflow, programs, projectfile, sizes, stack, toolchain
from intarsia.boards import Board
from intarsia.errors import BudgetError, EnvironmentMissing, StageError
from intarsia.request import Objective

MARKER = "intarsia.json"
CONFIGURE_SECONDS = 120.0
BUILD_SECONDS = 900.0
HOT_CODE = "hot_code"
"""The folder of firmware/hal that lets the network's code run from fast memory."""


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
    StageError with the compiler's first messages, BudgetError when the firmware does not fit, for the linker or for the
    budget.
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
    lacks = {
        what: [_lack(need, have, parts)]
        for what, need, have, parts in (
            ("RAM", report.ram_bytes, ram or memory.ram, report.ram_parts),
            ("flash", report.flash_bytes, flash or memory.flash, report.flash_parts),
        )
        if have is not None and need > have
    }
    if lacks:
        raise _too_large(lacks, built.project)


def _lack(need: int, have: int, parts: Sequence[tuple[str, int]], where: str = "") -> str:
    largest = ", ".join(f"{name} {size:,}" for name, size in parts[:5])
    return f"needs {need:,} bytes, has {have:,}, {need - have:,} over{where}; largest: {largest}"


def _too_large(lacks: dict[str, list[str]], project: Project) -> BudgetError:
    return BudgetError.of(lacks, smallest=project.document["optimize"] == Objective.SIZE.value)


def _check_compiler(project: Project) -> None:
    for program, install in toolchain.missing(project.board):
        raise EnvironmentMissing(f"{program} is not installed; {project.board.name} needs it", hint=install)


def _run_cmake(project: Project, jobs: int | None) -> None:
    if not (project.build_folder / "build.ninja").exists():
        options = ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}"]
        options += [f"-DCMAKE_TOOLCHAIN_FILE={project.folder / 'toolchain.cmake'}"]
        _configure(project, [*options, f"-DITR_DUMP={'ON' if project.dumping else 'OFF'}"])
    said = _compile(project, jobs)
    hot = HOT_CODE in project.board.target.hal
    if (
        said and hot
    ):  # what the linker cannot place beside code in fast memory may fit when all code stays in flash
        _configure(project, ["-DITR_HOT_CODE=OFF"])
        said = _compile(project, jobs)
    if said:
        lacks = _overflows(project)
        if hot:
            _configure(project, ["-DITR_HOT_CODE=ON"])
        raise _too_large(lacks, project) if lacks else _failure(said, "build", project)


def _configure(project: Project, options: list[str]) -> None:
    command = [tool("cmake"), "-S", str(project.folder), "-B", str(project.build_folder), *options]
    done = programs.run(command, CONFIGURE_SECONDS, label=f"configure of {project.folder.name}")
    if done.code != 0:
        raise _failure(done.out + done.err, "configure", project)


def _compile(project: Project, jobs: int | None) -> str:
    """What was said when the firmware seems to be too large, else nothing. Raises StageError for other failures."""
    command = [tool("cmake"), "--build", str(project.build_folder), "-j", str(jobs or os.cpu_count())]
    done = programs.run(command, BUILD_SECONDS, label=f"build of {project.folder.name}")
    said = done.out + done.err
    if done.code != 0 and not overflow.suspected(said, project.elf, project.board.target.cpu_flags):
        raise _failure(said, "build", project)
    return said if done.code != 0 else ""


def _failure(said: str, step: str, project: Project) -> StageError:
    log = project.folder / f"{step}.log"
    log.write_text(said, encoding="utf-8")
    lines = [line for line in said.splitlines() if "error" in line or "undefined" in line]
    shown = "\n  ".join(lines[:4]) or "no message"
    return StageError(
        f"{step} of {project.folder.name} failed:\n  {shown}", hint=f"the whole log is in {log}"
    )


def _overflows(project: Project) -> dict[str, list[str]]:
    """What is to be said of memories of the linker script that it found too small, by their kind."""
    operators = {layer["index"]: layer["op"] for layer in project.document["layers"]}
    lacks: dict[str, list[str]] = {}
    for region in overflow.find(tool("ninja"), project.build_folder, project.elf, operators):
        lack = _lack(region.need, region.have, region.consumers, f" ({region})")
        lacks.setdefault(region.kind, []).append(lack)
    return lacks
