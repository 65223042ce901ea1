# SPDX-License-Identifier: Apache-2.0
"""ADD of packed types for Xpulp: the int8 kernel a few runs at a time."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.kernels import add_s8__xpulp as int8
from intarsia_codegen.packed.whole import addition
from intarsia_codegen.xpulp.codes import XPULP_CODES


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """The kernel; None for constant operands, and where int8 has none."""
    return addition(call, name, XPULP_CODES, int8.generate)
