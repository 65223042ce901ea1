# SPDX-License-Identifier: Apache-2.0
"""Model files to graphs. Formats are found by scanning this folder; a file's content says which one it is."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from pathlib import Path

from intarsia.errors import ModelError
from intarsia.importers.base import Importer, content, title
from intarsia.ir import Graph


@cache
def registry() -> dict[str, Importer]:
    """Every format by its file name suffix."""
    found: dict[str, Importer] = {}
    for module in pkgutil.iter_modules(__path__):
        importer = getattr(importlib.import_module(f"{__name__}.{module.name}"), "IMPORTER", None)
        if isinstance(importer, Importer):
            found[importer.suffix] = importer
    return found


def load(path: Path, *, rule: str = "tflm", partial: bool = False) -> Graph:
    """Reads a model file of any format. Raises ModelError for malformed files and, unless `partial`, for operators
    that are not supported."""
    data = content(path, path.suffix or ".tflite")
    importer = choose(path, data)
    return importer.parse(data, name=title(path), rule=rule, partial=partial, folder=path.parent)


def choose(path: Path, data: bytes) -> Importer:
    """The format of a file: what its content says, else its suffix. Raises ModelError when neither is known."""
    known = registry()
    own = known.get(path.suffix.lower())
    if own is not None and own.recognises(data):
        return own
    for importer in known.values():
        if importer.recognises(data):
            return importer
    if own is None:
        suffixes = ", ".join(sorted((*known, ".itr")))
        raise ModelError(f"{path} is not a model file that Intarsia knows", hint=f"give one of: {suffixes}")
    return own
