# SPDX-License-Identifier: Apache-2.0
"""Flashes boards whose boot loader shows up as a USB drive, by copying a UF2 file there."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from intarsia.errors import EnvironmentMissing, StageError, UsageError
from intarsia.images import segments, uf2
from intarsia.runners._places import awaited
from intarsia.runners._process import require_file
from intarsia.runners._silicon import SiliconRunner, SiliconTable
from intarsia.runners.base import ANYWHERE, Place, Tool

if TYPE_CHECKING:
    from intarsia.boards import Board

INFO_FILE = "INFO_UF2.TXT"
MOUNT_FOLDERS = ("/media", "/run/media", "/mnt", "/Volumes")
"""Where systems mount drives; on Windows they have letters."""


class Uf2Table(SiliconTable):
    """`family` is the id in every block, `board_id` what the drive's INFO_UF2.TXT calls itself."""

    family: int = Field(ge=0, lt=1 << 32)
    board_id: str = Field(min_length=1)
    button: str = Field(min_length=1)


class Uf2Runner(SiliconRunner[Uf2Table]):
    """No tool is needed. The boot loader starts the firmware when the last block has arrived."""

    flashed_by = "hand"
    table = Uf2Table

    def tools(self, board: Board) -> Sequence[Tool]:
        """See `Runner.tools`."""
        return ()

    def flash(self, elf: Path, board: Board, place: Place = ANYWHERE) -> str:
        """See `Runner.flash`."""
        options = self.options(board)
        image = uf2.encode(segments.read(require_file(elf)), options.family)
        drive = awaited(functools.partial(_drive, place, options, board.name), place.wait)
        try:
            with (drive / "firmware.uf2").open("wb") as target:
                target.write(image)
                target.flush()
                os.fsync(target.fileno())
        except OSError as error:
            raise StageError(
                f"cannot copy to {drive}: {error.strerror}",
                hint=f"start the boot loader again: {options.button}",
            ) from None
        return f"flashed {board.name} by a copy to {drive}"


def _drive(place: Place, options: Uf2Table, board: str) -> Path:
    """The drive of the boot loader; one that the user named must be of the right board, too."""
    if place.probe is not None:
        found = [Path(place.probe)] if _board_id(Path(place.probe)) == options.board_id else []
    else:
        found = [folder for folder in _mounted() if _board_id(folder) == options.board_id]
    if not found:
        where = "" if place.probe is None else f" at {place.probe}"
        raise EnvironmentMissing(
            f"there is no drive '{options.board_id}' of {board}{where}",
            hint=f"start its boot loader: {options.button}; --wait S waits for the drive",
        )
    if len(found) > 1:
        raise UsageError(
            f"{len(found)} drives fit {board}: {', '.join(map(str, found))}",
            hint="choose with --probe FOLDER",
        )
    return found[0]


def _board_id(folder: Path) -> str | None:
    try:
        text = (folder / INFO_FILE).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    lines = (line.partition(":") for line in text.splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == "Board-ID"), None)


def _mounted() -> Iterator[Path]:
    """Folders where a drive may be mounted: up to two levels below the system's mount folders."""
    if sys.platform == "win32":
        yield from (Path(f"{letter}:\\") for letter in "DEFGHIJKLMNOPQRSTUVWXYZ")
        return
    for root in map(Path, MOUNT_FOLDERS):
        for pattern in ("*", "*/*"):
            yield from (folder for folder in sorted(root.glob(pattern)) if (folder / INFO_FILE).is_file())


RUNNER = Uf2Runner()
