# SPDX-License-Identifier: Apache-2.0
"""Texts of sources: C that lies beside the generators, C of one layer, constants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np

from intarsia.kernelcall import KernelCall
from intarsia_codegen import ctext
from intarsia_codegen.generated import SourceFile


@cache
def resource(name: str) -> SourceFile:
    """A C source or header of `narrow/`."""
    return SourceFile(name, (resources.files("intarsia_codegen.narrow") / name).read_text(encoding="utf-8"))


def constant(register: str, value: int) -> list[str]:
    """Loads a 32-bit constant."""
    return [f"movw {register}, #{value & 0xFFFF}", f"movt {register}, #{value >> 16 & 0xFFFF}"]


@dataclass(frozen=True)
class Entry:
    """A kernel of a layer: what it is called with, and its source around a driver of the form
    driver(&layer, params, operands..., scratch)."""

    call: KernelCall
    name: str
    operands: tuple[str, ...] = ("const void *in", "void *out")

    @property
    def takes_params(self) -> bool:
        return bool(self.call.variants)

    @property
    def prototype(self) -> str:
        params = (f"const itr_{self.call.contract}_params *p",) if self.takes_params else ()
        return f"void {self.name}({', '.join((*params, *self.operands, 'void *scratch'))})"

    def source(self, comment: str, headers: Sequence[str], parts: Sequence[str], driver: str) -> SourceFile:
        """The source `<name>.c`; `parts` define the constant `layer`."""
        includes = "".join(f'#include "{header}"\n' for header in (*headers, "intarsia/section.h"))
        params = (
            f"static const itr_{self.call.contract}_params params = {ctext.initializer(self.call.params)};\n"
        )
        constants = "\n".join([*parts, *([] if self.takes_params else [params])])
        arguments = ", ".join(operand.split("*")[-1] for operand in self.operands)
        text = f"""// SPDX-License-Identifier: Apache-2.0
/* {comment} */
{includes}
{self.prototype};

{constants}
{self.prototype} {{
  {driver}(&layer, {"p" if self.takes_params else "&params"}, {arguments}, scratch);
}}
"""
        return SourceFile(f"{self.name}.c", text)


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


def strip_source(
    call: KernelCall,
    name: str,
    contract: str,
    inner: str,
    layer: Mapping[str, object],
    params: Mapping[str, object],
    statement: str,
) -> tuple[str, SourceFile]:
    """Prototype and source of a layer that runs an int8 kernel (`inner` is its prototype) strip by strip.

    `layer` and `params` initialise the strips and the int8 kernel's parameters `q`; `statement` calls it.
    """
    entry = Entry(call, name)
    constant = f"static const itr_{call.contract}_params params = {ctext.initializer(call.params)};\n\n"
    given = "" if entry.takes_params else f"const itr_{call.contract}_params *const p = &params;"
    fields = ", ".join(f".layer.{key} = {value}" for key, value in layer.items())
    members = ", ".join(f".{key} = {value}" for key, value in params.items())
    text = f"""// SPDX-License-Identifier: Apache-2.0
/* Packed feature maps through an int8 kernel. */
#include "intarsia/{call.op}.h"
#include "itr_dsp_strips.h"

{entry.prototype};
{inner}

{"" if entry.takes_params else constant}{entry.prototype} {{
  {given}
  itr_dsp_strips s = {{{fields}}};
  itr_dsp_strips_begin(&s, in, out, scratch);
  while (itr_dsp_strips_next(&s) != 0) {{
    const itr_{contract}_params q = {{{members}}};
    {statement}
  }}
}}
"""
    return entry.prototype, SourceFile(f"{name}.c", text)
