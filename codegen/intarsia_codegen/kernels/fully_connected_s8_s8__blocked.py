# SPDX-License-Identifier: Apache-2.0
"""FULLY_CONNECTED int8, rounded twice, in portable C blocked for registers."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.blocked.product import matrix_product
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.rowwise import dense


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """None when weights have a zero point."""
    return dense.generate(call, name, matrix_product)
