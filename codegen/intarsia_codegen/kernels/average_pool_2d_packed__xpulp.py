# SPDX-License-Identifier: Apache-2.0
"""AVERAGE_POOL_2D of packed types for Xpulp: the int8 kernel strip by strip."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.kernels import average_pool_2d_s8__xpulp as int8
from intarsia_codegen.packed.pooling import pooling
from intarsia_codegen.xpulp.codes import XPULP_CODES


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """The kernel; None where int8 has none, and for outputs of another scale than the input."""
    return pooling(call, name, XPULP_CODES, int8.generate)
