# SPDX-License-Identifier: Apache-2.0
"""The C files beside this module, made for one precision, as sources of a generated project."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources

from intarsia_codegen.generated import SourceFile

LICENSE = "// SPDX-License-Identifier: Apache-2.0\n"
LANES = {"m8": 32, "m4": 16, "m2": 8}
"""float32 lanes of a group of registers in the shortest vectors there are, 128 bits."""
_SMALLER = {
    "m8": {"f32m8": "f32m8", "f16m4": "f16m4", "e32m8": "e32m8"},
    "m4": {"f32m8": "f32m4", "f16m4": "f16m2", "e32m8": "e32m4"},
    "m2": {"f32m8": "f32m2", "f16m4": "f16m1", "e32m8": "e32m2"},
}
_TOKEN = re.compile(r"f32m8|f16m4|e32m8|(?<=vfloat)32m8|(?<=vfloat)16m4")


@cache
def fragment(name: str) -> str:
    """The text of a C file without its licence line."""
    text = (resources.files(__package__) / "c" / name).read_text(encoding="utf-8")
    return text.removeprefix(LICENSE)


def shared(*names: str) -> tuple[SourceFile, ...]:
    """Files that are the same for all layers."""
    return tuple(SourceFile(name, LICENSE + fragment(name)) for name in names)


def function(what: str, half: bool, variant: str = "") -> str:
    """Name of the function that is defined for one precision."""
    return f"itr_rvvf_{what}{variant}_{'f16' if half else 'f32'}"


def formed(
    name: str, body: str, half: bool, *, group: str = "m8", settings: Mapping[str, int] | None = None
) -> tuple[SourceFile, ...]:
    """The file `<name>.c` with a body that is written for groups of 8 registers of float32, and what it includes."""
    header = f"itr_rvvf_real_{group}_{'f16' if half else 'f32'}.h"
    guard = header.upper().replace(".", "_")
    real = _grouped(fragment("real.c"), group)
    head = f"{LICENSE}#ifndef {guard}\n#define {guard}\n\n#define ITR_HALF {int(half)}\n{real}\n#endif\n"
    defines = "".join(
        f"#define ITR_{key} {value}\n" for key, value in {"FUNCTION": name, **(settings or {})}.items()
    )
    text = f'{LICENSE}#include "{header}"\n\n{defines}{_grouped(body, group)}'
    return SourceFile(header, head), SourceFile(f"{name}.c", text)


def _grouped(text: str, group: str) -> str:
    smaller = _SMALLER[group]

    def token(found: re.Match[str]) -> str:
        word = found[0]
        return smaller[word] if word in smaller else smaller[f"f{word}"][1:]

    return _TOKEN.sub(token, text)
