# SPDX-License-Identifier: Apache-2.0
"""The C files beside this module, as sources of a generated project, and how rows are kept in portable C."""

from __future__ import annotations

from functools import cache
from importlib import resources

from intarsia_codegen.generated import SourceFile
from intarsia_codegen.rowwise.layer import Family

LICENSE = "// SPDX-License-Identifier: Apache-2.0\n"


@cache
def _read(name: str) -> str:
    return (resources.files(__package__) / "c" / name).read_text(encoding="utf-8")


def shared(*names: str) -> tuple[SourceFile, ...]:
    """Files that are the same for all layers."""
    return tuple(SourceFile(name, _read(name)) for name in names)


def formed(file: str, header: str, form: str, *, scatter: bool = False) -> tuple[str, tuple[SourceFile, ...]]:
    """The function that a file defines for a form of `blocked/scale.py`, and its sources.

    `scatter`: only some channels are computed, each has its place.
    """
    function = f"itr_blocked_{file.removesuffix('.c')}_{form}{'_scatter' * scatter}"
    defines = {"FUNCTION": function, "FORM": f"ITR_FORM_{form.upper()}", "SCATTER": int(scatter)}
    head = "".join(f"#define ITR_{key} {value}\n" for key, value in defines.items())
    text = f'{LICENSE}{head}\n#include "{header}"\n\n{_read(file).removeprefix(LICENSE)}'
    return function, (*shared("itr_blocked_scale.h", header), SourceFile(f"{function}.c", text))


BLOCKED = Family(
    word="blocked",
    sources=shared("itr_blocked_rows.h", "itr_blocked_rows.c"),
    copy="memcpy",
    copy_include="<string.h>",
    bytes_per_instruction=1,
)
