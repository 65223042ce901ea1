# SPDX-License-Identifier: Apache-2.0
"""FULLY_CONNECTED int8, rounded once, for Xpulp."""

from __future__ import annotations

import functools

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.rowwise import dense
from intarsia_codegen.xpulp.fields import BYTES, Widths
from intarsia_codegen.xpulp.product import matrix_product_once


def generate(call: KernelCall, name: str, widths: Widths = BYTES) -> GeneratedKernel | None:
    """None when weights have a zero point, and as `matrix_product_once`."""
    return dense.generate(call, name, functools.partial(matrix_product_once, widths=widths))
