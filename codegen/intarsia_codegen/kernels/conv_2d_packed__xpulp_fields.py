# SPDX-License-Identifier: Apache-2.0
"""CONV_2D of packed types for Xpulp, weights of 4 and 2 bits packed in flash (xpulp/fields.py)."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.kernels import conv_2d_packed__xpulp as strips
from intarsia_codegen.xpulp.fields import least_bits


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """As `strips.generate`; None for weights of 8 bits."""
    bits = least_bits(call.constant("weights"))
    return None if bits == 8 else strips.generate(call, name, bits)
