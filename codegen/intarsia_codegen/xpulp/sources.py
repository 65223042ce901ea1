# SPDX-License-Identifier: Apache-2.0
"""The files beside this module, as sources of a generated project."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources

from intarsia_codegen.generated import SourceFile


@cache
def _read(name: str) -> str:
    return (resources.files(__package__) / "c" / name).read_text(encoding="utf-8")


def shared(*names: str) -> tuple[SourceFile, ...]:
    """Files that are the same for all layers."""
    return tuple(SourceFile(name, _read(name)) for name in names)


def formed(file: str, name: str, header: str, defines: Mapping[str, str]) -> SourceFile:
    """`<name>.c`: a file, after macros with the prefix ITR_."""
    license_line, rest = _read(file).split("\n", 1)
    head = "".join(f"#define ITR_{key} {value}\n" for key, value in defines.items())
    return SourceFile(f"{name}.c", f'{license_line}\n{head}\n#include "{header}"\n\n{rest}')
