# SPDX-License-Identifier: Apache-2.0
"""Average and maximum over windows of a feature map, channels in the lanes."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen import layertext
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.mve.sources import shared
from intarsia_codegen.rowwise.geometry import Geometry

MAX_AVERAGED = 2896
"""Most cells of a window: cells * 256 * cells stays below 2**31, which makes the division by a product exact.
"""


def generate(call: KernelCall, name: str, kind: str) -> GeneratedKernel:
    """`kind`: "average" or "max"."""
    function, g = f"itr_mve_{kind}_pool", Geometry.of(call)
    fields: dict[str, int | str] = {"offset": 0}
    fields |= {key: g.text(key) for key in call.params}
    statement = f"  (void)scratch;\n  {function}(in, out, {{}});\n"
    definitions, body = layertext.with_layer(call, name, "itr_mve_pool", fields, statement)
    source = layertext.layer(
        name,
        title=f"{kind} pooling.",
        includes=["itr_mve_pool.h", *([f"intarsia/{call.op}.h"] if g.branches else [])],
        declarations=[],
        definitions=definitions,
        body=body,
        signature=layertext.signature(call, name),
    )
    lanes = 4 if kind == "average" else 16
    block = 30 + g["kernel_h"] * (8 + 5 * g["kernel_w"])
    pixels = g["batch"] * sum(h * w for h, w in zip(g.each("out_h"), g.each("out_w"), strict=True))
    return GeneratedKernel(
        function=name,
        prototype=layertext.signature(call, name) + ";",
        sources=(source, *shared("itr_mve_pool.h", f"{function}.c")),
        cost=pixels * (40 + -(-g["in_c"] // lanes) * block),
        scratch=0,
        takes_params=g.branches,
    )
