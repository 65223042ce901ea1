# SPDX-License-Identifier: Apache-2.0
"""DEPTHWISE_CONV_2D of packed types for Xpulp: the int8 kernel strip by strip."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.kernels import depthwise_conv_2d_s8_s8__xpulp as int8
from intarsia_codegen.packed.strips import by_strips
from intarsia_codegen.packed.whole import int8_holds
from intarsia_codegen.xpulp.codes import XPULP_CODES
from intarsia_codegen.xpulp.fields import Widths


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """The kernel; None where int8 has none for branches."""
    channels = call.integer("in_c") * call.integer("multiplier")
    if not int8_holds(call, call.constant("weights").reshape(-1, channels).T):
        return None
    widths = Widths(inputs=call.integer("in_bits"))
    return by_strips(
        call,
        name,
        XPULP_CODES,
        "depthwise_conv_2d_s8_s8",
        channels,
        lambda inner, own: int8.generate(inner, own, widths),
    )
