# SPDX-License-Identifier: Apache-2.0
"""AVERAGE_POOL_2D int8 for Helium (mve/pooling.py)."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.mve import pooling
from intarsia_codegen.rowwise.geometry import Geometry


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """None for windows of so many cells that the division is not proved."""
    g = Geometry.of(call)
    cells = min(g["kernel_h"], max(g.each("in_h"))) * min(g["kernel_w"], max(g.each("in_w")))
    return pooling.generate(call, name, "average") if cells <= pooling.MAX_AVERAGED else None
