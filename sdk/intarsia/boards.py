# SPDX-License-Identifier: Apache-2.0
"""Boards: one folder each, described by its ``board.toml``.

Folders lie beside the firmware and in those that the environment variable INTARSIA_BOARDS names (separated as
PATH is).
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from intarsia import assets
from intarsia.errors import UsageError
from intarsia.runners import find_runner, runner_kinds
from intarsia.runners._options import StrictTable, did_you_mean, parse_table

Verified = Literal["host", "emulation", "silicon", "built"]
LinkKind = Literal["pipe", "semihosting", "uart"]

_SIZE = re.compile(r"(\d+)([KMG]?)")
_NAME = r"^[a-z0-9][a-z0-9_-]*$"
DEFAULT_BAUD = 115200
STATIC_BYTES = 1024
"""Of RAM that the measuring firmware takes beside arena and stack, rounded up."""

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


@dataclass(frozen=True)
class InstructionSet:
    """What kernels are written for. `requires`: the preprocessor's condition that a compiler can make it; `needs`: the
    same in words."""

    title: str
    requires: str
    needs: str


@dataclass(frozen=True)
class Region:
    """A piece of the address space, in bytes; the same as in the board's link.ld."""

    name: str
    origin: int
    length: int


@dataclass(frozen=True)
class Memory:
    """Budgets in bytes (None: unlimited; `stack` is part of `ram`), the largest arena that the linker has room for, and
    where the memories lie."""

    ram: int | None
    flash: int | None
    stack: int | None
    arena: int | None
    regions: tuple[Region, ...]


@dataclass(frozen=True)
class Target:
    """What to compile for. `isa` lists instruction sets, best first; `hal` names folders of firmware/hal; `baud` is the
    speed of the UART."""

    arch: str
    cpu: str
    isa: tuple[str, ...]
    toolchain: str
    cpu_flags: tuple[str, ...]
    hal: tuple[str, ...]
    link: LinkKind
    baud: int
    defines: Mapping[str, str]


@dataclass(frozen=True)
class Counter:
    """What the layer counters count; `ticks_per_unit` is None where there is no counter.

    `hertz`: units in a second of real time; None where time is not real, or there is no counter. `tick_hertz`: ticks of
    the counter in a second of the target's own time, real or emulated; None where nobody knows.
    """

    unit: str
    ticks_per_unit: Fraction | None
    hertz: int | None = None
    tick_hertz: int | None = None


@dataclass(frozen=True)
class RunnerChoice:
    """Which runner, and its options as that runner reads them."""

    kind: str
    options: object


@dataclass(frozen=True)
class Board:
    """A target that can be built for and run on."""

    name: str
    title: str
    verified: Verified
    target: Target
    memory: Memory
    counter: Counter
    runner: RunnerChoice
    folder: Path

    def with_link(self, link: LinkKind) -> Board:
        """The same board with another link between host and firmware.

        Raises UsageError if it has no such link: only emulated boards have two, semihosting and UART.
        """
        own = self.target.link
        if link != own and (own, link) != ("semihosting", "uart"):
            raise UsageError(f"{self.name} has no link '{link}'", hint=f"it has '{own}'")
        return replace(self, target=replace(self.target, link=link))

    def with_baud(self, baud: int) -> Board:
        """The same board with another speed of its UART, for a firmware that was built for it."""
        return replace(self, target=replace(self.target, baud=baud))

    def definitions(self) -> dict[str, str]:
        """Preprocessor definitions for runtime and HAL; values are C tokens (strings with their quotes)."""
        ticks = self.counter.ticks_per_unit or Fraction(1)
        return {
            "ITR_BOARD_NAME": f'"{self.name}"',
            "ITR_COUNTER_UNIT": f'"{self.counter.unit}"',
            "ITR_TICKS_NUMERATOR": str(ticks.numerator),
            "ITR_TICKS_DENOMINATOR": str(ticks.denominator),
            "ITR_UART_BAUD": f"{self.target.baud}u",
            "ITR_LINK_UART": "1" if self.target.link == "uart" else "0",
            **self.target.defines,
        }

    def source_folders(self) -> tuple[Path, ...]:
        """Folders whose ``*.c`` and ``*.S`` make the runtime; also include and linker-script folders."""
        root = assets.firmware()
        return (root / "runtime", *(root / "hal" / name for name in self.target.hal), self.folder)

    def sources(self) -> tuple[Path, ...]:
        """All sources of runtime, HAL and board, without the model."""
        found = (p for folder in self.source_folders() for p in sorted(folder.iterdir()))
        return tuple(p for p in found if p.suffix in {".c", ".S"})

    def linker_script(self) -> Path | None:
        """The board's link.ld; None where the system's own is used."""
        script = self.folder / "link.ld"
        return script if script.is_file() else None


def _size(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = _SIZE.fullmatch(value)
    if match is None:
        raise ValueError('a size is a number of bytes or a text such as "64K" or "4M"')
    return int(match[1]) * _UNITS[match[2]]


_Size = Annotated[int, BeforeValidator(_size), Field(gt=0)]
_Name = Annotated[str, Field(pattern=_NAME)]


class _TargetTable(StrictTable):
    arch: Literal["arm", "riscv", "host"]
    cpu: _Name
    isa: list[_Name] = Field(min_length=1)
    toolchain: _Name
    cpu_flags: list[Annotated[str, Field(pattern=r"^-[A-Za-z0-9=+.,_-]+$")]]
    hal: list[_Name] = Field(min_length=1)
    link: LinkKind
    baud: int = Field(DEFAULT_BAUD, ge=1200, le=4_000_000)
    defines: dict[
        Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")], Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]
    ] = Field(default_factory=dict)


class _RegionTable(StrictTable):
    name: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
    origin: int = Field(ge=0, lt=1 << 32)
    length: _Size


class _MemoryTable(StrictTable):
    ram: _Size | None = None
    flash: _Size | None = None
    stack: _Size | None = None
    arena: _Size | None = None
    regions: list[_RegionTable] = Field(default_factory=list)


class _CounterTable(StrictTable):
    unit: Literal["instructions", "cycles", "none"]
    ticks_per_unit: list[Annotated[int, Field(gt=0)]] | None = Field(None, min_length=2, max_length=2)
    hertz: Annotated[int, Field(gt=0)] | None = None
    tick_hertz: Annotated[int, Field(gt=0)] | None = None


class _BoardTable(StrictTable):
    name: _Name
    title: str = Field(min_length=1, max_length=80)
    verified: Verified
    target: _TargetTable
    memory: _MemoryTable = _MemoryTable()
    counter: _CounterTable
    runner: dict[str, Any]


def folders() -> dict[str, Path]:
    """Board folders by name; raises UsageError if two have the same name."""
    roots = [assets.boards()]
    roots += [Path(p) for p in os.environ.get("INTARSIA_BOARDS", "").split(os.pathsep) if p]
    found: dict[str, Path] = {}
    for root in roots:
        if not root.is_dir():
            raise UsageError(f"board folder {root} does not exist", hint="correct INTARSIA_BOARDS")
        for file in sorted(root.glob("*/board.toml")):
            other = found.setdefault(file.parent.name, file.parent)
            if other != file.parent:
                raise UsageError(
                    f"two boards named {other.name}: {other} and {file.parent}", hint="rename one"
                )
    return found


def names() -> tuple[str, ...]:
    """Names of all boards, sorted."""
    return tuple(sorted(folders()))


def load(name: str) -> Board:
    """The board of that name; raises UsageError if it is unknown or its board.toml is not right."""
    found = folders()
    if name not in found:
        raise UsageError(f"unknown board '{name}'", hint=did_you_mean(name, list(found)))
    return load_folder(found[name])


@cache
def instruction_sets() -> dict[str, InstructionSet]:
    """The instruction sets that kernels are written for, by the word that boards use."""
    text = (assets.firmware() / "kernels" / "isa.toml").read_text(encoding="utf-8")
    return {name: InstructionSet(**table) for name, table in tomllib.loads(text).items()}


def load_folder(folder: Path) -> Board:
    """Read one board folder; raises UsageError that names file and key."""
    file = folder / "board.toml"
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{file}: {error}", hint="correct the file") from None
    table = parse_table(_BoardTable, data, str(file))
    for isa in table.target.isa:
        if isa not in instruction_sets():
            raise UsageError(
                f"{file}: unknown instruction set '{isa}'", hint=did_you_mean(isa, list(instruction_sets()))
            )
    if table.name != folder.name:
        raise UsageError(
            f"{file}: the name is '{table.name}'", hint=f"name it '{folder.name}', as its folder"
        )
    return Board(
        name=table.name,
        title=table.title,
        verified=table.verified,
        target=_target(table.target, file),
        memory=_memory(table.memory),
        counter=_counter(table.counter, file),
        runner=_runner(table.runner, file),
        folder=folder,
    )


def _target(table: _TargetTable, file: Path) -> Target:
    root = assets.firmware()
    if not (root / "toolchains" / f"{table.toolchain}.cmake").is_file():
        known = [p.stem for p in (root / "toolchains").glob("*.cmake")]
        raise UsageError(
            f"{file}: no toolchain '{table.toolchain}'", hint=did_you_mean(table.toolchain, known)
        )
    for name in table.hal:
        if not (root / "hal" / name).is_dir():
            known = [p.name for p in (root / "hal").iterdir()]
            raise UsageError(f"{file}: no HAL folder '{name}'", hint=did_you_mean(name, known))
    return Target(
        arch=table.arch,
        cpu=table.cpu,
        isa=tuple(table.isa),
        toolchain=table.toolchain,
        cpu_flags=tuple(table.cpu_flags),
        hal=tuple(table.hal),
        link=table.link,
        baud=table.baud,
        defines=MappingProxyType(dict(table.defines)),
    )


def _memory(table: _MemoryTable) -> Memory:
    regions = tuple(Region(r.name, r.origin, r.length) for r in table.regions)
    arena = table.arena
    if arena is None and table.ram is not None and table.stack is not None:
        arena = max(table.ram - table.stack - STATIC_BYTES, 0)
    return Memory(table.ram, table.flash, table.stack, arena, regions)


def _counter(table: _CounterTable, file: Path) -> Counter:
    if (table.unit == "none") != (table.ticks_per_unit is None):
        raise UsageError(
            f"{file}: [counter] unit '{table.unit}' and ticks_per_unit do not go together",
            hint="give ticks_per_unit exactly when there is a counter",
        )
    if table.hertz is not None and table.unit != "cycles":
        raise UsageError(
            f"{file}: [counter] hertz goes with cycles, not with '{table.unit}'", hint="leave hertz out"
        )
    ticks = Fraction(*table.ticks_per_unit) if table.ticks_per_unit else None
    tick_hertz = table.tick_hertz
    if table.hertz is not None and ticks is not None:
        tick_hertz = round(table.hertz * ticks)
    return Counter(table.unit, ticks, table.hertz, tick_hertz)


def _runner(table: dict[str, Any], file: Path) -> RunnerChoice:
    kind = table.get("kind")
    if not isinstance(kind, str):
        raise UsageError(f"{file}: key 'runner.kind' is missing", hint="name a runner")
    if kind not in runner_kinds():
        raise UsageError(f"{file}: no runner '{kind}'", hint=did_you_mean(kind, list(runner_kinds())))
    options = {key: value for key, value in table.items() if key != "kind"}
    return RunnerChoice(kind, find_runner(kind).parse_options(options, f"{file} [runner]"))
