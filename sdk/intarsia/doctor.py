# SPDX-License-Identifier: Apache-2.0
"""What is installed, what is missing, and the command that installs it."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

from intarsia import boards, build, farm, importers, oracle, programs, stack, toolchain
from intarsia.boards import Board
from intarsia.errors import EnvironmentMissing
from intarsia.runners import find_runner
from intarsia.runners.base import UsesPackages

SCHEMA, SCHEMA_VERSION = "intarsia.doctor", 1


@dataclass(frozen=True)
class Check:
    """One program or package. `found` is its version (None: missing), `needed_by` names what needs it.

    Nothing that is only good to have is `required`.
    """

    name: str
    found: str | None
    needed_by: tuple[str, ...]
    install: str
    required: bool = True

    @property
    def fails(self) -> bool:
        return self.required and self.found is None


@dataclass(frozen=True)
class Diagnosis:
    """All checks, for one board or for all of them."""

    board: str | None
    checks: tuple[Check, ...]

    @property
    def missing(self) -> list[Check]:
        """What is required and missing."""
        return [check for check in self.checks if check.fails]

    def to_json(self) -> dict[str, Any]:
        """The document of schema `intarsia.doctor`."""
        return {
            "schema": SCHEMA,
            "schema_version": SCHEMA_VERSION,
            "board": self.board,
            "ok": not self.missing,
            "checks": [asdict(check) for check in self.checks],
        }


def diagnose(board: str | None = None) -> Diagnosis:
    """Checks what a board needs, or all boards. Raises UsageError for an unknown board."""
    chosen = [boards.load(name) for name in ([board] if board else boards.names())]
    needs: dict[str, _Need] = {}
    for entry in chosen:
        for program, install, required in _programs(entry, asked=board is not None):
            need = needs.setdefault(program, _Need(install))
            need.users.append(entry.name)
            need.required |= required
    with ThreadPoolExecutor(4) as pool:
        found = dict(zip(needs, pool.map(programs.version, needs), strict=True))
    checks = [
        Check(program, found[program], tuple(need.users), need.install, need.required)
        for program, need in needs.items()
    ]
    return Diagnosis(
        board,
        (_python(), *_build_tools(), *checks, *_packages(chosen), *_formats(), *_interpreters(), _farm()),
    )


def _packages(chosen: Iterable[Board]) -> list[Check]:
    """Python packages that runners need."""
    needs: dict[str, _Need] = {}
    for entry in chosen:
        runner = find_runner(entry.runner.kind)
        for tool in runner.packages(entry) if isinstance(runner, UsesPackages) else ():
            needs.setdefault(tool.program, _Need(tool.install)).users.append(entry.name)
    return [
        Check(name, _package_version(name), tuple(need.users), need.install) for name, need in needs.items()
    ]


def _formats() -> list[Check]:
    """Python packages that read model files."""
    found = [i for i in importers.registry().values() if i.package is not None]
    return [
        Check(
            str(i.package),
            _package_version(str(i.package)),
            (f"{i.suffix} files",),
            i.install,
            required=False,
        )
        for i in found
    ]


def _package_version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


@dataclass
class _Need:
    install: str
    users: list[str] = field(default_factory=list)
    required: bool = False


def _programs(board: Board, *, asked: bool) -> Iterable[tuple[str, str, bool]]:
    """(program, command that installs it, whether it is required) of compiler, disassembler and runner, each once.

    Tools that flash hardware are required only where the board was `asked` for: nobody has all boards.
    """
    found = {program: (install, True) for program, install in toolchain.needs(board)}
    program, install = stack.DISASSEMBLERS[board.target.arch]
    found.setdefault(program, (install, True))
    runner = find_runner(board.runner.kind)
    for tool in runner.tools(board):
        found.setdefault(tool.program, (tool.install, asked or runner.starts_firmware))
    return [(program, install, required) for program, (install, required) in found.items()]


def _python() -> Check:
    supported = sys.version_info >= (3, 11)
    return Check(
        "python", platform.python_version() if supported else None, ("intarsia",), "python 3.11 or newer"
    )


def _farm() -> Check:
    client = farm.CLIENT
    found = programs.version(client.program)
    return Check(client.program, found, ("boards of a farm (NAME@PLACE)",), client.install, required=False)


def _build_tools() -> list[Check]:
    checks = []
    for name in ("cmake", "ninja"):
        try:
            found: str | None = programs.version(build.tool(name)) or build.tool(name)
        except EnvironmentMissing:
            found = None
        checks.append(Check(name, found, ("all boards",), f"pip install {name}"))
    return checks


def _interpreters() -> list[Check]:
    checks = []
    for rule, name in oracle.DISTRIBUTIONS.items():
        found, install = None, f"pip install {name}"
        try:
            found = oracle.version(rule)
        except EnvironmentMissing as error:
            install = error.hint or install
        checks.append(
            Check(name, found, (f"--oracle interpreter with rule {rule}",), install, required=False)
        )
    return checks
