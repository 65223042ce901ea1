# SPDX-License-Identifier: Apache-2.0
"""FULLY_CONNECTED of packed types for Arm's DSP extension: the int8 product on packed words, or on unpacked rows."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.arm.matrix import weights_of
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.kernels import fully_connected_s8_s8__dsp as int8
from intarsia_codegen.narrow.unpacking import DSP
from intarsia_codegen.packed.whole import matrix_vector


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """The kernel; None where int8 has none."""
    made = int8.packed(call, name, weights_of(call, call.constant("weights")))
    return made or matrix_vector(call, name, DSP, "fully_connected_s8_s8", int8.generate)
