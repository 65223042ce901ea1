# SPDX-License-Identifier: Apache-2.0
"""FULLY_CONNECTED of packed types for Xpulp: the int8 kernel on unpacked rows, weights as bytes in flash."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.kernels import fully_connected_s8_s8__xpulp as int8
from intarsia_codegen.packed.whole import matrix_vector
from intarsia_codegen.xpulp.codes import XPULP_CODES
from intarsia_codegen.xpulp.fields import Widths


def generate(call: KernelCall, name: str, weights_bits: int = 8) -> GeneratedKernel | None:
    """None where int8 has none; weights are kept with so many bits."""
    widths = Widths(weights_bits, call.integer("in_bits"))
    contract = "fully_connected_s8_s8"
    return matrix_vector(
        call, name, XPULP_CODES, contract, lambda inner, own: int8.generate(inner, own, widths)
    )
