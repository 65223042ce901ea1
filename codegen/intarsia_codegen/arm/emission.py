# SPDX-License-Identifier: Apache-2.0
"""C text of one layer: its stream, its runs and the function that calls the shared driver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from intarsia.kernelcall import KernelCall
from intarsia_codegen import ctext
from intarsia_codegen.arm.matrix import Run, Stream
from intarsia_codegen.generated import SourceFile

PROTOTYPE = "void {name}(const int8_t *in, int8_t *out, void *scratch)"
_PACKED_MAPS = "const void *in, void *out"
_BYTE_MAPS = "const int8_t *in, int8_t *out"
_BYTES = f"{_BYTE_MAPS}, void *scratch"

EXTENT = ("in_h", "in_w", "pad_top", "pad_left", "out_h", "out_w")
"""Parameters of a layer with windows that may differ between branches."""


@dataclass(frozen=True)
class Entry:
    """How a kernel is called and what it does: its prototype, headers that this needs, and its body."""

    prototype: str
    headers: tuple[str, ...]
    body: str


def maps(call: KernelCall) -> str:
    """The feature maps as arguments; packed ones have no C type of their own."""
    return _PACKED_MAPS if "_packed" in call.contract else _BYTE_MAPS


def operands(call: KernelCall) -> str:
    """The arguments behind the parameters."""
    return f"{maps(call)}, void *scratch"


def entry(name: str, driver: str, arguments: str = _BYTES) -> Entry:
    """The entry of a kernel for one geometry, which hands the constant `layer` to a driver."""
    return Entry(f"void {name}({arguments})", (), f"{driver}(&layer, in, out, scratch);")


def branches_entry(call: KernelCall, name: str, driver: str) -> Entry:
    """The entry of a kernel for several geometries: the driver `<driver>_branch` gets the branch's."""
    fields = ", ".join(f"p->{field}" for field in EXTENT)
    return Entry(
        f"void {name}({parameters(call)}, {operands(call)})",
        (f"intarsia/{call.op}.h",),
        f"const itr_dsp_extent extent = {{{fields}}};\n  {driver}_branch(&layer, &extent, in, out, scratch);",
    )


def parameters(call: KernelCall) -> str:
    """The argument with the parameters of a branch."""
    return f"const itr_{call.contract}_params *p"


def int32_array(layer: str, what: str, words: Sequence[int]) -> str:
    """The constant array `<layer>_<what>` of 32-bit words, taken modulo 2**32."""
    data = np.array([w & 0xFFFFFFFF for w in words], np.uint32).view(np.int32)
    return _array("int32_t", layer, what, data)


def int8_array(layer: str, what: str, data: np.ndarray) -> str:
    """The constant array `<layer>_<what>` of bytes."""
    flat = data.reshape(-1)
    return _array("int8_t", layer, what, flat)


def _array(kind: str, layer: str, what: str, data: np.ndarray) -> str:
    body = ctext.array_body(data)
    text = f"static const {kind} {layer}_{what}[{len(data)}] ITR_WEIGHTS({layer}) = {{\n{body}\n}};\n"
    return f"// clang-format off\n{text}// clang-format on\n"


def labels(names: Sequence[str]) -> str:
    """Declarations of assembler labels that are jumped to."""
    return "extern const char " + ",\n    ".join(f"{n}[]" for n in dict.fromkeys(names)) + ";\n"


def runs_table(
    layer: str, runs: Sequence[Run], multiply: str, entry: str, pitch: int, buffer_bytes: int
) -> str:
    """The `itr_dsp_run` array of a layer, over the array `<layer>_stream`."""
    stream = f"{layer}_stream"
    rows = [
        f"    {{{stream} + {r.start}, {stream} + {r.end}, {multiply}, {entry}, {r.label}, "
        f"{pitch}, {buffer_bytes}, {r.first}}},\n"
        for r in runs
    ]
    return f"static const itr_dsp_run runs[{len(runs)}] = {{\n{''.join(rows)}}};\n"


def struct(type_name: str, fields: Mapping[str, object]) -> str:
    """The constant `layer` of a layer."""
    body = "".join(f"    .{name} = {value},\n" for name, value in fields.items())
    return f"static const {type_name} layer = {{\n{body}}};\n"


def source(
    name: str,
    headers: Sequence[str],
    comment: str,
    parts: Sequence[str],
    entry: Entry,
) -> SourceFile:
    """The source `<name>.c`: constants, then the function."""
    includes = "".join(
        f'#include "{header}"\n' for header in (*headers, *entry.headers, "intarsia/section.h")
    )
    constants = "".join(f"{part}\n" for part in parts)
    text = f"""// SPDX-License-Identifier: Apache-2.0
/* {comment} */
{includes}
{entry.prototype};

{constants}{entry.prototype} {{
  {entry.body}
}}
"""
    return SourceFile(f"{name}.c", text)


def multiply_labels(stream: Stream, multiply: str) -> list[str]:
    """Labels that a runs table uses."""
    return [multiply, f"{multiply}_loop", *(run.label for run in stream.runs)]
