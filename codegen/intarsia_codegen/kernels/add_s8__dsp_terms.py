# SPDX-License-Identifier: Apache-2.0
"""ADD int8 for Arm's DSP extension by tables of what every code of an operand adds to the sum.

Exact for every layer, five times the instructions of the line in two variables (`arm.addition`), which is not found for
all: outputs of 4 bits have thresholds that 65,536 pairs of bytes come too close to.
"""

from __future__ import annotations

import numpy as np

from intarsia.kernelcall import KernelCall
from intarsia_codegen.arm import emission
from intarsia_codegen.arm.addition import operand_terms
from intarsia_codegen.asm import resource
from intarsia_codegen.generated import GeneratedKernel

LARGEST = 1 << 30
"""Of sums, which are doubled."""

_EACH, _CALL = 26, 40


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """The kernel; None for constant operands and where a sum takes more than 31 bits."""
    if len(call.inputs) != 2 or call.integer("out_shift") > 0:
        return None
    codes = np.arange(256).astype(np.uint8).view(np.int8).astype(np.int64)
    terms = {side: operand_terms(call, side, codes) for side in ("a", "b")}
    if sum(int(np.abs(values).max()) for values in terms.values()) >= LARGEST:
        return None
    fields = {
        "a": f"{name}_a",
        "b": f"{name}_b",
        "multiplier": call.integer("out_multiplier"),
        "right": -call.integer("out_shift"),
        "zero": call.integer("out_zero"),
        "minimum": call.integer("minimum"),
        "maximum": call.integer("maximum"),
    }
    parts = [emission.int32_array(name, side, values.tolist()) for side, values in terms.items()]
    parts.append(emission.struct("itr_dsp_add_terms", fields))
    params = f"{emission.parameters(call)}, " if call.variants else ""
    size = "p->size" if call.variants else str(call.integer("size"))
    entry = emission.Entry(
        f"void {name}({params}const int8_t *a, const int8_t *b, int8_t *out)",
        (f"intarsia/{call.op}.h",) if call.variants else (),
        f"itr_dsp_add_by_terms(&layer, {size}, a, b, out);",
    )
    text = emission.source(name, ["itr_dsp_add_terms.h"], "Addition by terms of each operand.", parts, entry)
    sizes = [p["size"] for p in call.variants or (call.params,)]
    return GeneratedKernel(
        name,
        entry.prototype + ";",
        (text, resource("itr_dsp_add_terms.h"), resource("itr_dsp_add_terms.c")),
        cost=sum(_EACH * int(str(size)) + _CALL for size in sizes),
        inplace=call.inplace,
        takes_params=bool(call.variants),
    )
