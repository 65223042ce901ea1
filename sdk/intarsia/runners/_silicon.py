# SPDX-License-Identifier: Apache-2.0
"""What runners of real boards share: their options, the tool check, and the serial link."""

from __future__ import annotations

import abc
import functools
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, Literal, TypeVar

from pydantic import Field

from intarsia.runners._options import StrictTable, parse_table
from intarsia.runners._places import awaited, choose_port
from intarsia.runners._process import require_file
from intarsia.runners._serial import SerialLink
from intarsia.runners.base import ANYWHERE, Link, Place, Tool, require_tools

if TYPE_CHECKING:
    from intarsia.boards import Board

UsbId = Annotated[str, Field(pattern=r"^[0-9a-f]{4}:[0-9a-f]{4}$")]


class SiliconTable(StrictTable):
    """Keys of every `[runner]` table of a real board.

    `usb`: VID:PID of its own probe or serial adapter; empty where it has none, and any one on USB may be it.
    """

    usb: list[UsbId] = Field(default_factory=list)


Table = TypeVar("Table", bound=SiliconTable)


class SiliconRunner(abc.ABC, Generic[Table]):
    """Flashes through a tool, talks through a serial port."""

    starts_firmware = False
    flashed_by: ClassVar[Literal["probe", "server", "port", "hand"]]
    """What a board of a farm is flashed through: a debug probe, a GDB server, its serial port, or not without somebody
    who presses a button."""
    table: type[Table]

    def parse_options(self, table: Mapping[str, Any], where: str) -> object:
        """See `Runner.parse_options`."""
        return parse_table(self.table, table, where)

    def options(self, board: Board) -> Table:
        """The board's `[runner]` table."""
        assert isinstance(board.runner.options, self.table)
        return board.runner.options

    def check(self, board: Board) -> None:
        """See `Runner.check`."""
        require_tools(self.tools(board))

    @abc.abstractmethod
    def tools(self, board: Board) -> Sequence[Tool]:
        """See `Runner.tools`."""

    @abc.abstractmethod
    def flash(self, elf: Path, board: Board, place: Place = ANYWHERE) -> str:
        """See `Runner.flash`."""

    def open(self, elf: Path, board: Board, place: Place = ANYWHERE) -> Link:
        """See `Runner.open`: the firmware runs already."""
        look = functools.partial(choose_port, place, self.options(board).usb, board.name)
        return SerialLink(awaited(look, place.wait), board.target.baud)


@contextmanager
def flash_folder(elf: Path) -> Iterator[Path]:
    """A scratch folder with the firmware as ``firmware.elf``, a name that every tool's command language takes.

    Raises StageError if there is no firmware.
    """
    source = require_file(elf)
    with tempfile.TemporaryDirectory(prefix="intarsia-") as folder:
        shutil.copyfile(source, Path(folder) / "firmware.elf")
        yield Path(folder)
