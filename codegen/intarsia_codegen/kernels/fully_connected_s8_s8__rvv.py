# SPDX-License-Identifier: Apache-2.0
"""FULLY_CONNECTED int8, rounded twice, for RISC-V vectors: a matrix product whose windows are the rows of the input."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.mve import layertext
from intarsia_codegen.mve.layertext import integers
from intarsia_codegen.rvv.product import Product, Windows


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """None when weights have a zero point."""
    if call.integer("weights_zero") != 0:
        return None
    batch, columns, units = integers(call, "batch", "columns", "units")
    weights = call.constant("weights").reshape(units, columns)
    product = Product.of(call, name, weights, Windows((0,), columns, columns))
    source = layertext.layer(
        name,
        title="FULLY_CONNECTED.",
        includes=["itr_rvv_gemm.h"],
        declarations=[product.kernel.prototype],
        definitions=product.definitions,
        body=f"  (void)scratch;\n  {product.statement('in', 'out', batch)}\n",
    )
    return GeneratedKernel(
        function=name,
        prototype=layertext.prototype(name) + ";",
        sources=(source, *product.sources),
        cost=product.cost(batch),
        scratch=0,
    )
