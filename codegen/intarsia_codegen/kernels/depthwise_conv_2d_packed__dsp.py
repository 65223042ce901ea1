# SPDX-License-Identifier: Apache-2.0
"""DEPTHWISE_CONV_2D of packed types for Arm's DSP extension.

3x3 windows go through products of polynomials where weights and maps have 4 bits, or through planes of halfwords, which
are made of packed codes directly; all others through the int8 kernel: at once if only the weights have fewer bits, else
strip by strip.
"""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.arm import depthwise_branches, depthwise_planar
from intarsia_codegen.arm.channels import channels_of
from intarsia_codegen.arm.layout import Layout
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.kernels import depthwise_conv_2d_s8_s8__dsp as int8
from intarsia_codegen.narrow.depthwise import depthwise
from intarsia_codegen.narrow.unpacking import DSP
from intarsia_codegen.packed.strips import by_strips
from intarsia_codegen.packed.whole import int8_holds


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """The kernel; None where int8 has none."""
    made = [depthwise(call, name, call.integer("weights_bits")), _planar(call, name)]
    best = min((kernel for kernel in made if kernel), key=lambda kernel: kernel.cost, default=None)
    return best or _by_strips(call, name)


def _by_strips(call: KernelCall, name: str) -> GeneratedKernel | None:
    channels = call.integer("in_c") * call.integer("multiplier")
    if not int8_holds(call, call.constant("weights").reshape(-1, channels).T):
        return None
    return by_strips(call, name, DSP, "depthwise_conv_2d_s8_s8", channels, int8.generate)


def _planar(call: KernelCall, name: str) -> GeneratedKernel | None:
    """Through planes; None for other windows, several outputs per channel, and groups of channels within bytes."""
    layout = Layout.of(call, call.integer("in_c") * call.integer("multiplier"))
    g = layout.first
    single = call.integer("multiplier") == 1 and g.in_c >= 4 and depthwise_planar.groups_packed(call)
    applies = depthwise_branches.applies(layout) if layout.branches else depthwise_planar.applies(g)
    if not single or not applies or not layout.served:
        return None
    channels = channels_of(call, call.constant("weights").reshape(-1, g.in_c).T)
    if channels is None:
        return None
    if layout.branches:
        return depthwise_branches.kernel(call, name, layout, channels)
    return depthwise_planar.kernel(call, name, g, channels)
