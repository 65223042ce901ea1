# SPDX-License-Identifier: Apache-2.0
"""QUANTIZE of float32 to int8 for cores without floating-point arithmetic."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen import realcodes
from intarsia_codegen.blocked.sources import shared
from intarsia_codegen.generated import GeneratedKernel


def generate(call: KernelCall, name: str) -> GeneratedKernel:
    """The kernel: 62 instructions for an element."""
    sources = shared("itr_blocked_real_codes.h", "itr_blocked_real_codes.c")
    return realcodes.kernel(call, name, "blocked", sources, 62)
