# SPDX-License-Identifier: Apache-2.0
"""CONV_2D int8 for Xpulp: a matrix product (xpulp/gemm.py) over rows of windows (rowwise/layer.py)."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.rowwise import layer
from intarsia_codegen.rowwise.geometry import Geometry
from intarsia_codegen.xpulp.family import XPULP
from intarsia_codegen.xpulp.fields import BYTES, Widths
from intarsia_codegen.xpulp.gemm import PIXELS
from intarsia_codegen.xpulp.product import matrix_product


def generate(call: KernelCall, name: str, widths: Widths = BYTES) -> GeneratedKernel | None:
    """None when weights have a zero point, and as `matrix_product`."""
    geometry = Geometry.of(call)
    if call.integer("weights_zero") != 0 or not geometry.served:
        return None
    out_c = call.integer("out_c")
    weights = call.constant("weights").reshape(out_c, -1)
    pixels = geometry.outputs if geometry.pixelwise else call.integer("out_w")
    whole = not geometry.branches and pixels % PIXELS == 0
    product = matrix_product(call, name, weights, geometry.windows(), whole=whole, widths=widths)
    if product is None:
        return None
    return layer.generate(call, name, XPULP, product, out_c=out_c, whole_pixels=True)
