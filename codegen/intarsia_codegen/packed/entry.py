# SPDX-License-Identifier: Apache-2.0
"""The function of a packed layer, and its source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from intarsia.kernelcall import KernelCall
from intarsia_codegen import ctext
from intarsia_codegen.generated import SourceFile
from intarsia_codegen.packed.codes import Codes


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


def strip_source(
    call: KernelCall,
    name: str,
    codes: Codes,
    contract: str,
    inner: str,
    layer: Mapping[str, object],
    params: Mapping[str, object],
    statement: str,
) -> tuple[str, SourceFile]:
    """Prototype and source of a layer that runs an int8 kernel (`inner` is its prototype) strip by strip.

    `layer` and `params` initialise the strips and the int8 kernel's parameters `q`; `statement` calls it.
    """
    entry, strips = Entry(call, name), f"itr_{codes.word}_strips"
    constant = f"static const itr_{call.contract}_params params = {ctext.initializer(call.params)};\n\n"
    given = "" if entry.takes_params else f"const itr_{call.contract}_params *const p = &params;"
    fields = ", ".join(f".layer.{key} = {value}" for key, value in layer.items())
    members = ", ".join(f".{key} = {value}" for key, value in params.items())
    text = f"""// SPDX-License-Identifier: Apache-2.0
/* Packed feature maps through an int8 kernel. */
#include "intarsia/{call.op}.h"
#include "{codes.strips_header}"

{entry.prototype};
{inner}

{"" if entry.takes_params else constant}{entry.prototype} {{
  {given}
  {strips} s = {{{fields}}};
  {strips}_begin(&s, in, out, scratch);
  while ({strips}_next(&s) != 0) {{
    const itr_{contract}_params q = {{{members}}};
    {statement}
  }}
}}
"""
    return entry.prototype, SourceFile(f"{name}.c", text)
