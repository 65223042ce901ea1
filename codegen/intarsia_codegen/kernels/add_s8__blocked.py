# SPDX-License-Identifier: Apache-2.0
"""ADD int8 of equal shapes in portable C."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen import linearform
from intarsia_codegen.blocked.sources import shared
from intarsia_codegen.generated import GeneratedKernel


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """None for a constant operand, and where no linear form is proved equal. 14 instructions for an element."""
    return linearform.kernel(call, name, "blocked", shared("itr_blocked_add.h", "itr_blocked_add.c"), 14)
