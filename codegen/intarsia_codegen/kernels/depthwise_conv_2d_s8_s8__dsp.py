# SPDX-License-Identifier: Apache-2.0
"""DEPTHWISE_CONV_2D int8 for Arm's DSP extension.

Windows of any shape, tap by tap; branches of patches go through planes of halfwords where they can, other layers do so
in a variant of its own. One input channel makes it an ordinary convolution. Branches share the code and the weights.
"""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.arm import depthwise_branches, depthwise_taps
from intarsia_codegen.arm.channels import channels_of
from intarsia_codegen.arm.layout import Layout
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.kernels import conv_2d_s8_s8__dsp as conv_2d


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """The kernel; None for several outputs per channel, for 2 or 3 channels, and for sums beyond 32 bits."""
    layout = Layout.of(call, call.integer("in_c") * call.integer("multiplier"))
    g = layout.first
    weights = call.constant("weights")
    if g.in_c == 1:
        return conv_2d.convolution(call, name, weights.transpose(3, 1, 2, 0))
    if call.integer("multiplier") != 1 or g.in_c < 4 or not layout.served:
        return None
    channels = channels_of(call, weights.reshape(-1, g.out_c).T)
    if channels is None:
        return None
    if layout.branches and depthwise_branches.applies(layout):
        return depthwise_branches.kernel(call, name, layout, channels)
    return depthwise_taps.kernel(call, name, layout, channels)
