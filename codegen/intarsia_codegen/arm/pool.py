# SPDX-License-Identifier: Apache-2.0
"""Pooling layers: C with a few instructions of the DSP extension, shared by all layers."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.arm import emission
from intarsia_codegen.asm import resource
from intarsia_codegen.generated import GeneratedKernel

_CELL, _GROUP, _PIXEL = 7, 110, 60
"""Instructions per cell of four channels, and beside that per four outputs and per output pixel."""


def kernel(call: KernelCall, name: str, function: str) -> GeneratedKernel | None:
    """The kernel, or None for less than 4 channels or more than 255 columns. Cost: as compiled at -O2."""
    if call.integer("in_c") < 4 or call.integer("kernel_w") > 255:
        return None
    prototype = f"void {name}(const int8_t *in, int8_t *out)"
    fields = {key: call.integer(key) for key in call.params}
    text = emission.source(
        name,
        ["itr_dsp_pool.h"],
        f"Pooling of windows of {fields['kernel_h']}x{fields['kernel_w']}.",
        [emission.struct("itr_dsp_pool", fields)],
        f"{function}(&layer, in, out);",
        prototype=prototype,
    )
    pixels = fields["batch"] * fields["out_h"] * fields["out_w"]
    cells = min(fields["kernel_h"], fields["in_h"]) * min(fields["kernel_w"], fields["in_w"])
    groups = -(-fields["in_c"] // 4)
    return GeneratedKernel(
        name,
        prototype + ";",
        (text, resource("itr_dsp_pool.h"), resource("itr_dsp_pool.c")),
        cost=pixels * (groups * (cells * _CELL + _GROUP) + _PIXEL),
    )
