# SPDX-License-Identifier: Apache-2.0
"""FULLY_CONNECTED of packed types that rounds once, for Arm's DSP extension: the same code, proved for another rule."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.kernels import fully_connected_s8_s8__dsp as int8
from intarsia_codegen.kernels import fully_connected_s8_s8_once__dsp as once
from intarsia_codegen.narrow.unpacking import DSP
from intarsia_codegen.packed.whole import matrix_vector


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """The kernel; None where int8 has none."""
    made = int8.packed(call, name, once.weights_of(call))
    return made or matrix_vector(call, name, DSP, "fully_connected_s8_s8_once", once.generate)
