# SPDX-License-Identifier: Apache-2.0
"""CONV_2D int8 for RISC-V vectors: a matrix product (rvv/gemm.py) over rows of windows (rowwise/layer.py)."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.rowwise import layer
from intarsia_codegen.rowwise.geometry import Geometry
from intarsia_codegen.rvv.family import RVV
from intarsia_codegen.rvv.product import matrix_product


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """None when weights have a zero point."""
    geometry = Geometry.of(call)
    if call.integer("weights_zero") != 0 or not geometry.served:
        return None
    out_c = call.integer("out_c")
    weights = call.constant("weights").reshape(out_c, -1)
    product = matrix_product(call, name, weights, geometry.windows())
    return layer.generate(call, name, RVV, product, out_c=out_c, whole_pixels=True)
