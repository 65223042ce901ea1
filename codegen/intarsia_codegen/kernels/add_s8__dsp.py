# SPDX-License-Identifier: Apache-2.0
"""ADD int8 for Arm's DSP extension: the whole operator as one line in two variables (see `arm.addition`)."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall, Param
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
    entry = _branches_entry(call, name) if call.variants else _entry(call, name)
    shared = [resource(n) for n in ("itr_dsp_add.h", "itr_dsp_add.c")]
    sources = (_source(call, name, line, entry), *shared, addition.entry(), addition.code(line))
    return GeneratedKernel(
        name,
        entry.prototype + ";",
        sources,
        cost=sum(_cost(line, params["size"]) for params in call.variants or (call.params,)),
        inplace=call.inplace,
        stack_bytes={addition.ENTRY: addition.STACK_BYTES},
        takes_params=bool(call.variants),
    )


def _cost(line: addition.Line, size: Param) -> int:
    assert isinstance(size, int)
    return addition.instructions(line, size) + 40 + 100 * (size % addition.BLOCK > 0)


def _entry(call: KernelCall, name: str) -> emission.Entry:
    return emission.Entry(
        f"void {name}({_operands(call)}int8_t *out)",
        (),
        f"itr_dsp_add(&layer, a, {_second(call, name)}, out);",
    )


def _branches_entry(call: KernelCall, name: str) -> emission.Entry:
    """Only the number of elements differs between branches."""
    body = ["itr_dsp_add_layer branch = layer;", f"branch.rest = p->size % {addition.BLOCK};"]
    body += ["branch.bytes = p->size - branch.rest;", f"itr_dsp_add(&branch, a, {_second(call, name)}, out);"]
    return emission.Entry(
        f"void {name}({emission.parameters(call)}, {_operands(call)}int8_t *out)",
        (f"intarsia/{call.op}.h",),
        "\n  ".join(body),
    )


def _operands(call: KernelCall) -> str:
    return "".join(f"const int8_t *{o}, " for o in ("a", "b")[: len(call.inputs)])


def _second(call: KernelCall, name: str) -> str:
    """The second operand, an argument or a constant."""
    return "b" if len(call.inputs) == 2 else f"{name}_b"


def _source(call: KernelCall, name: str, line: addition.Line, entry: emission.Entry) -> SourceFile:
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
    comment = "Addition." if call.variants else f"Addition of {size} elements."
    return emission.source(name, ["itr_dsp_add.h"], comment, parts, entry)
