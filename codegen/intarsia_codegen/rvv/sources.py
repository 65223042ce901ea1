# SPDX-License-Identifier: Apache-2.0
"""The C files beside this module, as sources of a generated project, and the constants that they read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources

from intarsia_codegen.carrays import array
from intarsia_codegen.generated import SourceFile
from intarsia_codegen.layertext import structure
from intarsia_codegen.rvv.requantize import Form, Requantizer

LICENSE = "// SPDX-License-Identifier: Apache-2.0\n"
GROUPS = {"m8": ("32m8", "16m4", "8m2"), "m4": ("32m4", "16m2", "8m1"), "m2": ("32m2", "16m1", "8mf2")}
"""Register groups of int32, int16 and int8 with the same number of lanes, by that of int32."""

_GROUP = re.compile(r"(?<!\d)(32m8|16m4|8m2)(?!\d)")


@cache
def fragment(name: str) -> str:
    """The text of a C file without its licence line."""
    text = (resources.files(__package__) / "c" / name).read_text(encoding="utf-8")
    return text.removeprefix(LICENSE)


def shared(*names: str) -> tuple[SourceFile, ...]:
    """Files that are the same for all layers."""
    return tuple(SourceFile(name, LICENSE + fragment(name)) for name in names)


def formed(
    body: str, function: str, form: Form, header: str, *, group: str = "m8", settings: Mapping[str, int] = {}
) -> tuple[SourceFile, ...]:
    """The file `<function>.c`, which stores its results in a requantization form, and the headers it needs.

    `body` is written for groups of registers whose int32 take 8; with `group` "m4" or "m2" all are made smaller.
    `settings` are definitions `ITR_...`, the function's name among them.
    """
    values = {
        "FUNCTION": function,
        "LEFT": int(form.left),
        "TIES": f"ITR_TIES_{form.ties.upper()}",
        "CLAMP": int(form.clamp),
        "SCATTER": int(form.scatter),
        "OFFSET": int(form.offset),
        **settings,
    }
    defines = "".join(f"#define ITR_{key} {value}\n" for key, value in values.items())
    smaller = dict(zip(GROUPS["m8"], GROUPS[group], strict=True))
    code = _GROUP.sub(lambda m: smaller[m[1]], fragment("store.c") + "\n" + body)
    text = f'{LICENSE}#include <riscv_vector.h>\n\n#include "{header}"\n\n{defines}\n{code}'
    return (*shared("itr_rvv_requantize.h", header), SourceFile(f"{function}.c", text))


def constants(name: str, requant: Requantizer) -> list[str]:
    """Arrays of a layer's constants by channel, and `<name>_channels` that points to them."""
    arrays = [array(f"{name}_{key}", values) for key, values in requant.constants.items()]
    fields: dict[str, int | str] = {key: f"{name}_{key}" for key in requant.constants}
    return [*arrays, structure("itr_rvv_channels", f"{name}_channels", fields)]
