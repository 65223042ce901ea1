# SPDX-License-Identifier: Apache-2.0
"""CONV_2D of packed types for Xpulp: the int8 kernel strip by strip, weights as bytes in flash."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.kernels import conv_2d_s8_s8__xpulp as int8
from intarsia_codegen.packed.strips import by_strips
from intarsia_codegen.packed.whole import int8_holds
from intarsia_codegen.xpulp.codes import XPULP_CODES
from intarsia_codegen.xpulp.fields import Widths


def generate(call: KernelCall, name: str, weights_bits: int = 8) -> GeneratedKernel | None:
    """None where int8 has none; weights are kept with so many bits."""
    widths = Widths(weights_bits, call.integer("in_bits"))
    out_c = call.integer("out_c")
    if not int8_holds(call, call.constant("weights").reshape(out_c, -1)):
        return None
    return by_strips(
        call, name, XPULP_CODES, "conv_2d_s8_s8", out_c, lambda inner, own: int8.generate(inner, own, widths)
    )
