# SPDX-License-Identifier: Apache-2.0
"""ADD int8 for Arm's DSP extension: the whole operator as one line in two variables (see `arm.addition`)."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen import ctext
from intarsia_codegen.arm import addition, emission
from intarsia_codegen.arm.requantize import clamp_words
from intarsia_codegen.asm import resource
from intarsia_codegen.generated import GeneratedKernel, SourceFile


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """The kernel, or None when no line was found. Cost: counted by instruction."""
    line = addition.fit(call)
    if line is None:
        return None
    size = call.integer("size")
    prototype = _prototype(call, name)
    shared = [resource(n) for n in ("itr_dsp_add.h", "itr_dsp_add.c")]
    sources = (_source(call, name, line), *shared, addition.entry(), addition.code(line))
    return GeneratedKernel(
        name,
        prototype + ";",
        sources,
        cost=addition.instructions(line, size) + 40 + 100 * (size % addition.BLOCK > 0),
        inplace=call.inplace,
        stack_bytes={addition.ENTRY: addition.STACK_BYTES},
    )


def _prototype(call: KernelCall, name: str) -> str:
    operands = ("a", "b")[: len(call.inputs)]
    return f"void {name}({''.join(f'const int8_t *{o}, ' for o in operands)}int8_t *out)"


def _source(call: KernelCall, name: str, line: addition.Line) -> SourceFile:
    size = call.integer("size")
    low, high = clamp_words(line.limits)
    rest = size % addition.BLOCK
    fields = {
        "code": line.name,
        "bytes": size - rest,
        "low": f"0x{low:08x}u",
        "high": f"0x{high:08x}u",
        "d": ctext.number(line.d),
        "a": ctext.number(line.a),
        "b": ctext.number(line.b),
        "c": ctext.number(line.c),
        "rest": rest,
    }
    parts = [emission.labels([line.name]), emission.struct("itr_dsp_add_layer", fields)]
    if len(call.inputs) == 1:
        parts.append(emission.int8_array(name, "b", call.constant("b")))
    return emission.source(
        name,
        ["itr_dsp_add.h"],
        f"Addition of {size} elements.",
        parts,
        f"itr_dsp_add(&layer, a, {'b' if len(call.inputs) == 2 else f'{name}_b'}, out);",
        prototype=_prototype(call, name),
    )
