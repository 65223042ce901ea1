# SPDX-License-Identifier: Apache-2.0
"""CONV_2D int8 in portable C blocked for registers: a matrix product (blocked/product.py)."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.blocked.product import matrix_product
from intarsia_codegen.blocked.sources import BLOCKED
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.rowwise import layer
from intarsia_codegen.rowwise.geometry import Geometry


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """None when weights have a zero point."""
    geometry = Geometry.of(call)
    if call.integer("weights_zero") != 0 or not geometry.served:
        return None
    out_c = call.integer("out_c")
    weights = call.constant("weights").reshape(out_c, -1)
    product = matrix_product(call, name, weights, geometry.windows())
    return layer.generate(call, name, BLOCKED, product, out_c=out_c, whole_pixels=True)
