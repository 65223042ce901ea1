# SPDX-License-Identifier: Apache-2.0
"""QUANTIZE of float32 to int8 for RISC-V vectors."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen import realcodes
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.rvv.sources import shared


def generate(call: KernelCall, name: str) -> GeneratedKernel:
    """The kernel: 52 instructions for 32 elements."""
    sources = shared("itr_rvv_real_codes.h", "itr_rvv_real_codes.c")
    return realcodes.kernel(call, name, "rvv", sources, 52 / 32)
