# SPDX-License-Identifier: Apache-2.0
"""The files beside this module, and the macros, as sources of a generated project."""

from __future__ import annotations

from functools import cache
from importlib import resources

from intarsia_codegen.generated import SourceFile
from intarsia_codegen.xpulp import sources as xpulp


@cache
def _read(name: str) -> str:
    return (resources.files(__package__) / "c" / name).read_text(encoding="utf-8")


def shared(*names: str) -> tuple[SourceFile, ...]:
    """Files that are the same for all layers, and the macros of assembler sources."""
    return (*xpulp.shared("itr_xpulp.inc"), *(SourceFile(name, _read(name)) for name in names))
