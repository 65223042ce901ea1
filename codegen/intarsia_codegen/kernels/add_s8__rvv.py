# SPDX-License-Identifier: Apache-2.0
"""ADD int8 of equal shapes for RISC-V vectors: a linear form of the codes that is proved equal (mve/summation.py)."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.mve import layertext
from intarsia_codegen.mve.summation import LinearForm
from intarsia_codegen.rvv.sources import shared


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """None without such a form, and for a constant operand."""
    if call.constants or any(call.integer(f"{p}_shift") > 0 for p in ("a", "b", "out")):
        return None
    linear = LinearForm.find(call)
    if linear is None:
        return None
    fields: dict[str, int | str] = {"size": call.integer("size"), **vars(linear)}
    fields |= {limit: call.integer(limit) for limit in ("minimum", "maximum")}
    signature = f"void {name}(const int8_t *a, const int8_t *b, int8_t *out)"
    source = layertext.layer(
        name,
        title="ADD.",
        includes=["itr_rvv_add.h"],
        declarations=[],
        definitions=[layertext.structure("itr_rvv_add_params", f"{name}_layer", fields)],
        body=f"  itr_rvv_add(a, b, out, &{name}_layer);\n",
        signature=signature,
    )
    return GeneratedKernel(
        function=name,
        prototype=signature + ";",
        sources=(source, *shared("itr_rvv_add.h", "itr_rvv_add.c")),
        cost=30 + call.integer("size") * 24 // 32,
        inplace=((0, 0), (1, 0)),
    )
