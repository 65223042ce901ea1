# SPDX-License-Identifier: Apache-2.0
"""DEPTHWISE_CONV_2D int8 for RISC-V vectors (rvv/depthwise.py) over rows of windows (rowwise/layer.py)."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.kernels import conv_2d_s8_s8__rvv
from intarsia_codegen.kernels.depthwise_conv_2d_s8_s8__mve import as_convolution
from intarsia_codegen.rowwise import layer
from intarsia_codegen.rowwise.geometry import Geometry
from intarsia_codegen.rvv import depthwise
from intarsia_codegen.rvv.family import RVV

MAX_TAPS = 64
"""Larger windows are left to portable C: every tap is written out."""


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """None for weights with a zero point, for depth multipliers above 1 with several channels and for huge windows."""
    if call.integer("weights_zero") != 0:
        return None
    if call.integer("multiplier") != 1:
        as_matrix = call.integer("in_c") == 1 and not call.variants
        return conv_2d_s8_s8__rvv.generate(as_convolution(call), name) if as_matrix else None
    geometry = Geometry.of(call)
    if not geometry.served or call.integer("kernel_h") * call.integer("kernel_w") > MAX_TAPS:
        return None
    product = depthwise.product(call, name, geometry.taps())
    return layer.generate(call, name, RVV, product, out_c=call.integer("in_c"), whole_pixels=False)
