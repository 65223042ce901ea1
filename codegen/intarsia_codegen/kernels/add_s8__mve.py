# SPDX-License-Identifier: Apache-2.0
"""ADD int8 of equal shapes for Helium (mve/summation.py)."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen import layertext
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.linearform import LinearForm
from intarsia_codegen.mve import summation


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """None when a factor is 1 or more, and for a constant operand."""
    if call.constants or any(call.integer(f"{p}_shift") > 0 for p in ("a", "b", "out")):
        return None
    linear = LinearForm.find(call)
    form = "scaled" if linear is None else "linear"
    size = "p->size" if call.variants else call.integer("size")
    fields: dict[str, int | str] = {key: call.integer(key) for key in call.params}
    fields["size"] = size
    if linear is not None:
        fields = {
            "size": size,
            "a_factor": linear.a_factor,
            "b_factor": linear.b_factor,
            "constant": linear.constant,
            "shift": -linear.right,
            "minimum": call.integer("minimum"),
            "maximum": call.integer("maximum"),
        }
    function = f"itr_mve_add_{form}"
    signature = layertext.signature(call, name, "const int8_t *a, const int8_t *b, int8_t *out")
    kind = f"{function}_params"
    statement = f"  {function}(a, b, out, {{}});\n"
    definitions, body = layertext.with_layer(call, name, kind, fields, statement)
    source = layertext.layer(
        name,
        title=f"ADD, {form}.",
        includes=[f"{function}.h", *([f"intarsia/{call.op}.h"] if call.variants else [])],
        declarations=[],
        definitions=definitions,
        body=body,
        signature=signature,
    )
    sizes = [int(str(p["size"])) for p in call.variants or (call.params,)]
    return GeneratedKernel(
        function=name,
        prototype=signature + ";",
        sources=(source, *summation.sources(form)),
        cost=sum(40 + size * (11 if linear is not None else 32) // 4 for size in sizes),
        inplace=((0, 0), (1, 0)),
        takes_params=bool(call.variants),
    )
