# SPDX-License-Identifier: Apache-2.0
"""AVERAGE_POOL_2D of packed types for Arm's DSP extension: packed codes, or the int8 kernel strip by strip."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.arm.pool import Function
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.kernels import average_pool_2d_s8__dsp as int8
from intarsia_codegen.narrow.pooling import on_codes
from intarsia_codegen.narrow.unpacking import DSP
from intarsia_codegen.packed.pooling import pooling

AVERAGE = Function("itr_dsp_average_pool", group=105, row=22)


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """The kernel; None where int8 has none, and for outputs of another scale than the input."""
    made = on_codes(call, name, AVERAGE)
    return made or pooling(call, name, DSP, int8.generate)
