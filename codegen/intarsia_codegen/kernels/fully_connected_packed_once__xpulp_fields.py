# SPDX-License-Identifier: Apache-2.0
"""FULLY_CONNECTED of packed types for Xpulp, rounded once, weights of 4 and 2 bits in flash (xpulp/fields.py)."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.kernels import fully_connected_packed_once__xpulp as unpacked
from intarsia_codegen.xpulp.fields import least_bits


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """As `unpacked.generate`; None for weights of 8 bits."""
    bits = least_bits(call.constant("weights"))
    return None if bits == 8 else unpacked.generate(call, name, bits)
