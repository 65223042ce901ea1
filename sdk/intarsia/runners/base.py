# SPDX-License-Identifier: Apache-2.0
"""What a runner offers (flash a firmware, start it) and what it hands out (a byte link to it)."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from intarsia.errors import EnvironmentMissing, StageError

if TYPE_CHECKING:
    from intarsia.boards import Board


class LinkLost(StageError):
    """The other end went away: unplugged, powered off, closed."""


class Link(Protocol):
    """Bytes to and from a running firmware."""

    lossy: bool
    """Whether bytes may get lost on the way, so that silence is worth a repeated request."""

    seconds_per_byte: float
    """How long a byte is on its way, at least; 0 where nothing limits it."""

    def read(self, max_bytes: int, timeout: float) -> bytes:
        """At least one byte, at most `max_bytes`; empty if none came within `timeout` seconds.

        Raises LinkLost if the other end is gone.
        """

    def write(self, data: bytes, timeout: float) -> None:
        """Hand over all of `data`; raises StageError if that takes longer, LinkLost if the other end is gone."""

    def reopen(self, timeout: float) -> bool:
        """Connect again after LinkLost, within `timeout` seconds; False if that cannot be."""

    def close(self, timeout: float = 5.0) -> int | None:
        """End the firmware (waiting at most `timeout` seconds for it to end by itself) and free everything.

        Returns its exit code, None if it had to be stopped or has none. May be called again.
        """


@dataclass(frozen=True)
class Place:
    """Which of the connected devices is meant, and how long to wait for it.

    `probe`: serial number of a debug probe (or the folder of a UF2 drive, or HOST:PORT of a GDB server). `port`: name,
    serial number or USB id (VID:PID) of a serial port, or the URL of one in the network. None: the only one that fits.
    `wait` in seconds. `farm`: the place of a board farm that is to be reserved; `probe` and `port` name its resources.
    Once it is `reserved`, they say where these are, and probe tools run on `host`.
    """

    probe: str | None = None
    port: str | None = None
    wait: float = 0.0
    farm: str | None = None
    reserved: str | None = None
    host: str | None = None


ANYWHERE = Place()
"""The only device that fits, without waiting."""


@dataclass(frozen=True)
class Tool:
    """A program that a runner starts, and the command that installs it."""

    program: str
    install: str


class Runner(Protocol):
    """Flashes and starts firmware on one kind of target."""

    starts_firmware: bool
    """Whether `open` starts a firmware from its file, as often as wanted; else it runs on hardware."""

    def parse_options(self, table: Mapping[str, Any], where: str) -> object:
        """Check the board's `[runner]` table (without `kind`); raises UsageError naming `where`."""

    def tools(self, board: Board) -> Sequence[Tool]:
        """The programs it needs."""

    def check(self, board: Board) -> None:
        """Raises EnvironmentMissing, with the command that installs it, if a tool is missing."""

    def flash(self, elf: Path, board: Board, place: Place = ANYWHERE) -> str:
        """Write `elf` to the board and start it; says what was done.

        Raises EnvironmentMissing if tool or device is missing, UsageError if it is not clear which device is
        meant, and StageError with the tool's own message if it fails.
        """

    def open(self, elf: Path, board: Board, place: Place = ANYWHERE) -> Link:
        """Connect to the firmware, which is started from `elf` where `starts_firmware`.

        Raises EnvironmentMissing if a tool or the port is missing and StageError if it does not start.
        """


@runtime_checkable
class UsesPackages(Protocol):
    """A runner whose programs or sources come as Python packages."""

    def packages(self, board: Board) -> Sequence[Tool]:
        """The distributions it needs, as `program` of a Tool."""


@runtime_checkable
class ComputesCycles(Protocol):
    """A runner that computes every clock cycle of a core, with a program that has to be made first."""

    def unprepared(self, board: Board) -> str | None:
        """What has to be made before the first start, and how long that takes; None where it is there."""

    def prepare(self, board: Board, progress: Callable[[int, int], None]) -> None:
        """Makes it, telling steps done of how many. Raises EnvironmentMissing and StageError."""

    def seconds(self, board: Board, cycles: float) -> float:
        """How long so many cycles take on a computer that does nothing else."""


def find_tool(program: str) -> str | None:
    """Path of a program: on PATH, or else beside this Python, where pip puts it."""
    beside = Path(sys.executable).parent
    return shutil.which(program) or shutil.which(program, path=str(beside))


def require_tool(program: str, install: str) -> str:
    """The path of `program`; raises EnvironmentMissing with the hint `install` if there is none."""
    path = find_tool(program)
    if path is None:
        raise EnvironmentMissing(f"{program} is not installed", hint=install)
    return path


def require_tools(tools: Sequence[Tool]) -> None:
    """Raises EnvironmentMissing for the first tool that is missing."""
    for tool in tools:
        require_tool(tool.program, tool.install)
