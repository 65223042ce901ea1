# SPDX-License-Identifier: Apache-2.0
"""Texts of sources: C that lies beside the generators, C of one layer, constants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources

import numpy as np

from intarsia_codegen import ctext
from intarsia_codegen.generated import SourceFile


@cache
def resource(name: str) -> SourceFile:
    """A C source or header of `narrow/`."""
    return SourceFile(name, (resources.files("intarsia_codegen.narrow") / name).read_text(encoding="utf-8"))


def constant(register: str, value: int) -> list[str]:
    """Loads a 32-bit constant."""
    return [f"movw {register}, #{value & 0xFFFF}", f"movt {register}, #{value >> 16 & 0xFFFF}"]


def words(layer: str, what: str, values: Sequence[int]) -> str:
    """The constant array `<layer>_<what>` of 32-bit words, taken modulo 2**32."""
    data = np.array([v & 0xFFFFFFFF for v in values], np.uint32).view(np.int32)
    body = ctext.array_body(data)
    text = f"static const int32_t {layer}_{what}[{len(data)}] ITR_WEIGHTS({layer}) = {{\n{body}\n}};\n"
    return f"// clang-format off\n{text}// clang-format on\n"


def labels(names: Sequence[str]) -> str:
    """Declarations of assembler labels that are jumped to."""
    return "extern const char " + ",\n    ".join(f"{n}[]" for n in dict.fromkeys(names)) + ";\n"


def struct(type_name: str, fields: Mapping[str, object]) -> str:
    """The constant `layer` of a layer."""
    body = "".join(f"    .{name} = {value},\n" for name, value in fields.items())
    return f"static const {type_name} layer = {{\n{body}}};\n"
