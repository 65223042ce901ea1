# SPDX-License-Identifier: Apache-2.0
"""The C files beside this module, as sources of a generated project."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources

from intarsia_codegen.generated import SourceFile
from intarsia_codegen.mve.requantize import Form

LICENSE = "// SPDX-License-Identifier: Apache-2.0\n"


@cache
def _read(name: str) -> str:
    return (resources.files(__package__) / "c" / name).read_text()


def shared(*names: str) -> tuple[SourceFile, ...]:
    """Files that are the same for all layers."""
    return tuple(SourceFile(name, _read(name)) for name in names)


def formed(
    file: str,
    function: str,
    form: Form,
    *,
    full: bool | None = None,
    more: Mapping[str, int | str] | None = None,
) -> SourceFile:
    """A file that defines `function` for one requantization form; `full` where it asks for ITR_FULL, `more` for
    what else it asks for."""
    settings: dict[str, str | int] = {
        "FUNCTION": function,
        "LEFT": int(form.left),
        "TIES": f"ITR_TIES_{form.ties.upper()}",
    }
    if full is not None:
        settings["FULL"] = int(full)
    settings |= more or {}
    defines = "".join(f"#define ITR_{key} {value}\n" for key, value in settings.items())
    return SourceFile(f"{function}.c", LICENSE + defines + "\n" + _read(file).removeprefix(LICENSE))
