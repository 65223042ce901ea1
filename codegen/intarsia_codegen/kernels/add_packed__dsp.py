# SPDX-License-Identifier: Apache-2.0
"""ADD of packed types for Arm's DSP extension: by a table of all sums, by a line, or an int8 kernel run by run."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.kernels import add_s8__dsp as line
from intarsia_codegen.kernels import add_s8__dsp_terms as terms
from intarsia_codegen.narrow.addition import addition_by_line
from intarsia_codegen.narrow.table import addition_by_table
from intarsia_codegen.narrow.unpacking import DSP
from intarsia_codegen.packed.whole import addition


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """The kernel; None for constant operands."""
    made = [make(call, name) for make in (addition_by_table, addition_by_line)]
    best = min((kernel for kernel in made if kernel), key=lambda kernel: kernel.cost, default=None)
    return best or addition(call, name, DSP, line.generate) or addition(call, name, DSP, terms.generate)
