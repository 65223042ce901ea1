# SPDX-License-Identifier: Apache-2.0
"""ADD int8 of equal shapes for Xpulp."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen import linearform
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.requantization import FULL_RANGE
from intarsia_codegen.xpulp import add
from intarsia_codegen.xpulp.sources import shared


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """None for a constant operand, and where no linear form is proved equal. 7 cycles for an element, 8 with limits."""
    limits = (call.integer("minimum"), call.integer("maximum")) != FULL_RANGE
    sources = (*shared("itr_xpulp.inc", "itr_xpulp_add.h"), add.source(limits=limits))
    return linearform.kernel(
        call, name, "xpulp", sources, add.cycles(limits=limits), function=add.name(limits=limits)
    )
