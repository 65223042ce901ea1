# SPDX-License-Identifier: Apache-2.0
"""CONV_2D of packed types for Arm's DSP extension."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.kernels import conv_2d_s8_s8__dsp as int8
from intarsia_codegen.narrow.convolution import outer_convolution
from intarsia_codegen.narrow.rows import row_convolution
from intarsia_codegen.narrow.unpacking import DSP
from intarsia_codegen.packed.strips import by_strips
from intarsia_codegen.packed.whole import int8_holds


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """The cheapest exact one, or None.

    Products of polynomials and outer products (maps and weights of at most 4 bits, one width for all channels), the
    matrix product for int8 on packed maps, and where that is not made, the int8 kernel strip by strip.
    """
    widths = {int(bits) for bits in call.constant("weights_bits")}
    narrow = (outer_convolution, row_convolution) if len(widths) == 1 else ()
    made = [make(call, name, min(widths)) for make in narrow]
    made.append(int8.convolution(call, name, call.constant("weights")) or _strips(call, name))
    return min((kernel for kernel in made if kernel), key=lambda kernel: kernel.cost, default=None)


def _strips(call: KernelCall, name: str) -> GeneratedKernel | None:
    out_c = call.integer("out_c")
    if not int8_holds(call, call.constant("weights").reshape(out_c, -1)):
        return None
    return by_strips(call, name, DSP, "conv_2d_s8_s8", out_c, int8.generate)
