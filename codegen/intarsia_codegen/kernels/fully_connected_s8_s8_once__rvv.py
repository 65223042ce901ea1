# SPDX-License-Identifier: Apache-2.0
"""FULLY_CONNECTED int8, rounded once, for RISC-V vectors."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.rowwise import dense
from intarsia_codegen.rvv.product import matrix_product_once


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """None when weights have a zero point, and where no form of rounding is proved."""
    return dense.generate(call, name, matrix_product_once)
