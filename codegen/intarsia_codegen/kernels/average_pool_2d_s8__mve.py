# SPDX-License-Identifier: Apache-2.0
"""AVERAGE_POOL_2D int8 for Helium (mve/pooling.py)."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.mve import pooling


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """None for windows of so many cells that the division is not proved."""
    cells = min(call.integer("kernel_h"), call.integer("in_h")) * min(
        call.integer("kernel_w"), call.integer("in_w")
    )
    return pooling.generate(call, name, "average") if cells <= pooling.MAX_AVERAGED else None
