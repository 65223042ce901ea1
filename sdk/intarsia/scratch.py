# SPDX-License-Identifier: Apache-2.0
"""Folders for projects that nobody asked to keep."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from intarsia import journal
from intarsia.errors import Interrupted, StageError


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder that is removed, except when a build failed in it or a run was interrupted: log or answers are kept."""
    place = Path(tempfile.mkdtemp(prefix="intarsia-"))
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
