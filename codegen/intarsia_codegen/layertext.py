# SPDX-License-Identifier: Apache-2.0
"""C text of one generated layer: its constants in the weights section, its includes and its function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from intarsia.kernelcall import KernelCall
from intarsia_codegen import ctext
from intarsia_codegen.generated import SourceFile

LINE = 100
"""Columns of generated C."""


def prototype(name: str) -> str:
    """The one prototype of every generated layer with one input and scratch."""
    return f"void {name}(const int8_t *in, int8_t *out, void *scratch)"


def signature(
    call: KernelCall, name: str, operands: str = "const int8_t *in, int8_t *out, void *scratch"
) -> str:
    """The prototype of a layer that takes the parameters of the branch if there are branches."""
    params = f"const itr_{call.contract}_params *p, " if call.variants else ""
    return f"void {name}({params}{operands})"


def array(name: str, data: np.ndarray) -> str:
    """The bytes of any array as a 16-byte aligned int8 array, counted as weights."""
    values = np.ascontiguousarray(data).view(np.int8).reshape(-1)
    body = ctext.array_body(values)
    text = f"static const int8_t {name}[{values.size}] ITR_WEIGHTS({name}) = {{\n{body}\n}};\n"
    return f"// clang-format off\n{text}// clang-format on\n"


def structure(kind: str, name: str, fields: Mapping[str, int | str]) -> str:
    """A constant structure, counted as weights."""
    body = "".join(f"    .{field} = {value},\n" for field, value in fields.items())
    return f"static const {kind} {name} ITR_WEIGHTS({name}) = {{\n{body}}};\n"


def local(kind: str, name: str, fields: Mapping[str, int | str]) -> str:
    """A structure that a function fills, for what differs between branches."""
    body = "".join(f"      .{field} = {value},\n" for field, value in fields.items())
    return f"  const {kind} {name} = {{\n{body}  }};\n"


def taking_params(body: str) -> str:
    """A body for a function with parameters `p`, which it may not need."""
    return body if "p->" in body else f"  (void)p;\n{body}"


def with_layer(
    call: KernelCall, name: str, kind: str, fields: Mapping[str, int | str], statement: str
) -> tuple[list[str], str]:
    """Definitions and body of a function whose `statement` takes a structure at "{}".

    A constant, or with branches one that the function fills.
    """
    if call.variants:
        return [], taking_params(local(kind, "layer", fields) + statement.format("&layer"))
    return [structure(kind, f"{name}_layer", fields)], statement.format(f"&{name}_layer")


def layer(
    name: str,
    *,
    title: str,
    includes: Sequence[str],
    declarations: Sequence[str],
    definitions: Sequence[str],
    body: str,
    signature: str | None = None,
) -> SourceFile:
    """The source of a layer: `definitions` are constants and helpers, `body` its function's statements."""
    system = [i for i in includes if i.startswith("<")]
    own = [f'#include "{i}"' for i in (*includes, "intarsia/section.h") if not i.startswith("<")]
    head = ["// SPDX-License-Identifier: Apache-2.0", f"/* {title} */"]
    head += [*(f"#include {i}" for i in sorted({*system, "<stdint.h>"})), "", *sorted(own), ""]
    signature = signature or prototype(name)
    prototypes = "\n".join(_wrapped(f"{d};") for d in (*declarations, signature)) + "\n"
    parts = ["\n".join([*head, prototypes]), *definitions, f"{signature} {{\n{body}}}\n"]
    return SourceFile(f"{name}.c", "\n".join(parts))


def _wrapped(declaration: str) -> str:
    """Broken behind parameters where it is too long, as clang-format does."""
    indent = " " * (declaration.index("(") + 1)
    lines = [""]
    for part in declaration.split(", "):
        joined = f"{lines[-1]}, {part}" if lines[-1] else part
        if len(joined) >= LINE:
            lines[-1] += ","
            lines.append(indent + part)
        else:
            lines[-1] = joined
    return "\n".join(lines)


def integers(call: KernelCall, *names: str) -> list[int]:
    return [call.integer(name) for name in names]


def folded_bias(call: KernelCall, sums: np.ndarray) -> np.ndarray:
    """bias - in_zero * sums (of each channel's weights), modulo 2**32.

    With it the sum of the raw products is the reference's accumulator: there the zero point is taken off
    every input.
    """
    folded: np.ndarray = call.constant("bias").astype(np.int64) - call.integer("in_zero") * sums
    return folded.astype(np.int32)
