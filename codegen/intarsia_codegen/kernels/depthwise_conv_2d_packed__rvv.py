# SPDX-License-Identifier: Apache-2.0
"""DEPTHWISE_CONV_2D of packed types for RISC-V vectors: the int8 kernel strip by strip."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.kernels import depthwise_conv_2d_s8_s8__rvv as int8
from intarsia_codegen.packed.strips import by_strips
from intarsia_codegen.packed.whole import int8_holds
from intarsia_codegen.rvv.codes import RVV_CODES


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """The kernel; None where int8 has none."""
    channels = call.integer("in_c") * call.integer("multiplier")
    if not int8_holds(call, call.constant("weights").reshape(-1, channels).T):
        return None
    return by_strips(call, name, RVV_CODES, "depthwise_conv_2d_s8_s8", channels, int8.generate)
