# SPDX-License-Identifier: Apache-2.0
"""Average and maximum over windows of a feature map, channels in the lanes."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen import layertext
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.layertext import integers
from intarsia_codegen.mve.sources import shared

MAX_AVERAGED = 2896
"""Most cells of a window: cells * 256 * cells stays below 2**31, which makes the division by a product exact.
"""


def generate(call: KernelCall, name: str, kind: str) -> GeneratedKernel:
    """`kind`: "average" or "max"."""
    function = f"itr_mve_{kind}_pool"
    fields: dict[str, int | str] = {"offset": 0}
    fields |= {key: call.integer(key) for key in call.params}
    body = f"  (void)scratch;\n  {function}(in, out, &{name}_layer);\n"
    source = layertext.layer(
        name,
        title=f"{kind} pooling.",
        includes=["itr_mve_pool.h"],
        declarations=[],
        definitions=[layertext.structure("itr_mve_pool", f"{name}_layer", fields)],
        body=body,
    )
    batch, out_h, out_w, channels, kernel_h, kernel_w = integers(
        call, "batch", "out_h", "out_w", "in_c", "kernel_h", "kernel_w"
    )
    lanes = 4 if kind == "average" else 16
    block = 30 + kernel_h * (8 + 5 * kernel_w)
    return GeneratedKernel(
        function=name,
        prototype=layertext.prototype(name) + ";",
        sources=(source, *shared("itr_mve_pool.h", f"{function}.c")),
        cost=batch * out_h * out_w * (40 + -(-channels // lanes) * block),
        scratch=0,
    )
