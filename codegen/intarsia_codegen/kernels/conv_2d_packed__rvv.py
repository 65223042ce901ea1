# SPDX-License-Identifier: Apache-2.0
"""CONV_2D of packed types for RISC-V vectors: the int8 kernel strip by strip."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.kernels import conv_2d_s8_s8__rvv as int8
from intarsia_codegen.packed.strips import by_strips
from intarsia_codegen.packed.whole import int8_holds
from intarsia_codegen.rvv.codes import RVV_CODES


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """The kernel; None where int8 has none."""
    out_c = call.integer("out_c")
    if not int8_holds(call, call.constant("weights").reshape(out_c, -1)):
        return None
    return by_strips(call, name, RVV_CODES, "conv_2d_s8_s8", out_c, int8.generate)
