# SPDX-License-Identifier: Apache-2.0
"""DEPTHWISE_CONV_2D int8 in portable C blocked for registers (blocked/product.py)."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.blocked.product import depthwise_product
from intarsia_codegen.blocked.sources import BLOCKED
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.kernels import conv_2d_s8_s8__blocked
from intarsia_codegen.kernels.depthwise_conv_2d_s8_s8__mve import as_convolution
from intarsia_codegen.rowwise import layer
from intarsia_codegen.rowwise.geometry import Geometry


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """None for weights with a zero point and for depth multipliers above 1 with several channels."""
    if call.integer("weights_zero") != 0:
        return None
    if call.integer("multiplier") != 1:
        as_matrix = call.integer("in_c") == 1 and not call.variants
        return conv_2d_s8_s8__blocked.generate(as_convolution(call), name) if as_matrix else None
    geometry = Geometry.of(call)
    if not geometry.served:
        return None
    product = depthwise_product(call, name, geometry.pitch)
    return layer.generate(call, name, BLOCKED, product, out_c=call.integer("in_c"), whole_pixels=False)
