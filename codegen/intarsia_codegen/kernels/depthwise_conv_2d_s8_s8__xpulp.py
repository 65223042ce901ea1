# SPDX-License-Identifier: Apache-2.0
"""DEPTHWISE_CONV_2D int8 for Xpulp, from rows kept as planes (xpulp/planes.py)."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.kernels import conv_2d_s8_s8__xpulp
from intarsia_codegen.kernels.depthwise_conv_2d_s8_s8__mve import as_convolution
from intarsia_codegen.xpulp import planes
from intarsia_codegen.xpulp.fields import BYTES, Widths


def generate(call: KernelCall, name: str, widths: Widths = BYTES) -> GeneratedKernel | None:
    """None for weights with a zero point, for depth multipliers above 1 with several channels, as `planes.layer`."""
    if call.integer("weights_zero") != 0:
        return None
    if call.integer("multiplier") != 1:
        as_matrix = call.integer("in_c") == 1 and not call.variants
        return conv_2d_s8_s8__xpulp.generate(as_convolution(call), name, widths) if as_matrix else None
    return planes.layer(call, name, widths.inputs)
