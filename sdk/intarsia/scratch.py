# SPDX-License-Identifier: Apache-2.0
"""Folders for projects that nobody asked to keep."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from intarsia import journal
from intarsia.errors import Interrupted, StageError

PREFIX = "intarsia-"


def journals() -> list[Path]:
    """Journals in folders of this user that were kept."""
    found = Path(tempfile.gettempdir()).glob(f"{PREFIX}*/fw/{journal.FILE}")
    return [path for path in found if path.is_file() and path.stat().st_uid == os.getuid()]


def forget(kept: Path) -> None:
    """Removes the folder of one of the `journals`."""
    shutil.rmtree(kept.parents[1], ignore_errors=True)


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder that is removed, except when a build failed in it or a run was interrupted: log or answers are kept."""
    place = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        yield place
    except (StageError, Interrupted):
        if not any((*place.glob("fw/*.log"), *place.glob(f"fw/{journal.FILE}"))):
            shutil.rmtree(place, ignore_errors=True)
        raise
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    shutil.rmtree(place, ignore_errors=True)
