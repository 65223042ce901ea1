# SPDX-License-Identifier: Apache-2.0
"""DEPTHWISE_CONV_2D int8, 3x3 with stride 1 or 2, for Arm's DSP extension through planes of halfwords."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.arm import depthwise_planar
from intarsia_codegen.arm.channels import channels_of
from intarsia_codegen.arm.geometry import Geometry
from intarsia_codegen.generated import GeneratedKernel


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """The kernel; None for other windows, several outputs per channel, less than 4 channels, sums beyond 32 bits."""
    g = Geometry.of(call.params, call.integer("in_c"))
    single = call.integer("multiplier") == 1 and g.in_c >= 4
    if call.variants or not single or not depthwise_planar.applies(g):
        return None
    channels = channels_of(call, call.constant("weights").reshape(-1, g.in_c).T)
    return None if channels is None else depthwise_planar.kernel(call, name, g, channels)
