# SPDX-License-Identifier: Apache-2.0
"""ADD int8 of equal shapes for RISC-V vectors."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen import linearform
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.rvv.sources import shared


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """None for a constant operand, and where no linear form is proved equal. 24 instructions for 32 elements."""
    return linearform.kernel(call, name, "rvv", shared("itr_rvv_add.h", "itr_rvv_add.c"), 24 / 32)
