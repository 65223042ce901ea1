# SPDX-License-Identifier: Apache-2.0
"""Folders that Intarsia writes: never half-written, never over somebody else's."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from intarsia.errors import UsageError


@contextlib.contextmanager
def replaced(target: Path, marker: str) -> Iterator[Path]:
    """A scratch folder that becomes `target` when the block ends well.

    An existing `target` is replaced only if it is empty or holds the file `marker`, which every folder of ours has.
    Raises UsageError otherwise, before anything is written.
    """
    target = target.absolute()
    if target.exists():
        if not target.is_dir():
            raise UsageError(f"{target} is a file", hint="give the name of a folder")
        if any(target.iterdir()) and not (target / marker).is_file():
            raise UsageError(
                f"{target} exists and was not made by Intarsia",
                hint="give another folder, or remove it yourself",
            )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise UsageError(f"cannot write to {target.parent}: {error.strerror}") from None
    try:
        scratch.chmod(0o755)
        yield scratch
        if target.exists():
            shutil.rmtree(target)
        scratch.rename(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
