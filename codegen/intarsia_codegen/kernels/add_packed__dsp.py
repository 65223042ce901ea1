# SPDX-License-Identifier: Apache-2.0
"""ADD of packed types for Arm's DSP extension: by a table of all sums, or an int8 kernel a few runs at a time."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.kernels import add_s8__dsp as line
from intarsia_codegen.kernels import add_s8__dsp_terms as terms
from intarsia_codegen.narrow.table import addition_by_table
from intarsia_codegen.narrow.unpacking import DSP
from intarsia_codegen.packed.whole import addition


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """The kernel; None for constant operands."""
    made = addition_by_table(call, name)
    return made or addition(call, name, DSP, line.generate) or addition(call, name, DSP, terms.generate)
