# SPDX-License-Identifier: Apache-2.0
"""CONV_2D of packed types for Arm's DSP extension."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.kernels import conv_2d_s8_s8__dsp as int8
from intarsia_codegen.narrow.convolution import outer_convolution
from intarsia_codegen.narrow.layer import variants
from intarsia_codegen.narrow.rows import row_convolution
from intarsia_codegen.narrow.strips import by_strips
from intarsia_codegen.narrow.whole import int8_holds

FEW_PIXELS = 4
"""Output pixels up to which most of a block of outer products would be computed in vain."""


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """The cheapest of: products of polynomials and outer products (maps and weights of at most 4 bits, one width for
    all channels), and, for other widths and few pixels, the int8 kernel strip by strip. None when none is exact."""
    widths = {int(bits) for bits in call.constant("weights_bits")}
    narrow = (outer_convolution, row_convolution) if len(widths) == 1 else ()
    made = [make(call, name, min(widths)) for make in narrow]
    if not any(made) or _pixels(call) <= FEW_PIXELS:
        made.append(_strips(call, name))
    return min((kernel for kernel in made if kernel), key=lambda kernel: kernel.cost, default=None)


def _pixels(call: KernelCall) -> int:
    """Most output pixels of an image in any branch."""
    return max(int(str(p["out_h"])) * int(str(p["out_w"])) for p in variants(call))


def _strips(call: KernelCall, name: str) -> GeneratedKernel | None:
    out_c = call.integer("out_c")
    if not int8_holds(call, call.constant("weights").reshape(out_c, -1)):
        return None
    return by_strips(call, name, "conv_2d_s8_s8", out_c, int8.generate)
