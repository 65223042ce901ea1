# SPDX-License-Identifier: Apache-2.0
"""FULLY_CONNECTED of packed types for RISC-V vectors: the int8 kernel on unpacked rows."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.kernels import fully_connected_s8_s8__rvv as int8
from intarsia_codegen.packed.whole import matrix_vector
from intarsia_codegen.rvv.codes import RVV_CODES


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """The kernel; None where int8 has none."""
    return matrix_vector(call, name, RVV_CODES, "fully_connected_s8_s8", int8.generate)
