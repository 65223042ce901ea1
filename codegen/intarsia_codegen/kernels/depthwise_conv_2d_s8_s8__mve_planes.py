# SPDX-License-Identifier: Apache-2.0
"""DEPTHWISE_CONV_2D int8 for Helium with windows of up to 7 x 16 taps, one channel after the other."""

from __future__ import annotations

import numpy as np

from intarsia.kernelcall import KernelCall
from intarsia_codegen import layertext
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.layertext import integers
from intarsia_codegen.mve import planes
from intarsia_codegen.mve import rows as kept
from intarsia_codegen.mve.planes import Plane
from intarsia_codegen.mve.requantize import double_rounding


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """None for weights with a zero point, depth multipliers, dilation, and images too large for a plane in scratch."""
    single = call.integer("multiplier") == 1 and call.integer("weights_zero") == 0
    if call.variants or not single or not planes.applies(call):
        return None
    requant, plane = double_rounding(call), Plane.of(call)
    batch, in_h, in_w, channels, out_h, out_w = integers(
        call, "batch", "in_h", "in_w", "in_c", "out_h", "out_w"
    )
    top, left = integers(call, "pad_top", "pad_left")
    weights = call.constant("weights").reshape(*integers(call, "kernel_h", "kernel_w"), channels)
    bias = layertext.folded_bias(call, weights.sum(axis=(0, 1), dtype=np.int64))
    function = planes.name(call, requant)
    fields: dict[str, int | str] = {
        "rows": min(in_h, plane.rows - top),
        "columns": min(in_w, plane.pitch - left),
        "in_pitch": in_w * channels,
        "channels": channels,
        "out_h": out_h,
        "out_w": out_w,
        "plane_bytes": plane.bytes,
        "first": top * plane.pitch + left,
        "fill": call.integer("in_zero"),
        "to": requant.limits,
        "records": f"{name}_records",
    }
    body = f"""  for (int32_t n = 0; n < {batch}; n++) {{
    {function}(in + n * {in_h * in_w * channels}, out + n * {out_h * out_w * channels}, scratch,
        &{name}_layer);
  }}
"""
    source = layertext.layer(
        name,
        title="DEPTHWISE_CONV_2D on planes of one channel.",
        includes=["itr_mve_planes.h"],
        declarations=[planes.prototype(function)],
        definitions=[
            layertext.array(f"{name}_records", planes.pack(weights, bias, requant)),
            layertext.structure("itr_mve_planes", f"{name}_layer", fields),
        ],
        body=body,
    )
    return GeneratedKernel(
        function=name,
        prototype=layertext.prototype(name) + ";",
        sources=(source, *planes.sources(call, requant), *kept.sources()),
        cost=batch * channels * _channel_cost(call),
        scratch=plane.bytes,
        inplace=((0, 0),) if (in_h, in_w) == (out_h, out_w) else (),
    )


def _channel_cost(call: KernelCall) -> int:
    """Instructions of a channel: its copy, then outputs in fours."""
    in_h, in_w, out_h, out_w, rows = integers(call, "in_h", "in_w", "out_h", "out_w", "kernel_h")
    copying = in_h * (6 * -(-in_w // 8) + 6)
    return 70 + copying + out_h * (10 + -(-out_w // 4) * (8 * rows + 22))
