# SPDX-License-Identifier: Apache-2.0
"""CONV_2D of weights of at most 4 bits and int8 maps for Arm's DSP extension: half the flash, a tenth more time."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.arm import nibbles
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.kernels.conv_2d_s8_s8__dsp import Form, convolution

NIBBLES = Form(nibbles.weights_of, nibbles.product, nibbles.stream)


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """The kernel; None for maps of fewer bits, wider weights and sums beyond the 20 bits that are left for them."""
    if call.integer("in_bits") < 8 or max(call.constant("weights_bits")) > 4:
        return None
    return convolution(call, name, call.constant("weights"), NIBBLES)
