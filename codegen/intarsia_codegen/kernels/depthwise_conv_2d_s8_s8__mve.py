# SPDX-License-Identifier: Apache-2.0
"""DEPTHWISE_CONV_2D int8 for Helium: up to 4 x 4 taps by mve/depthwise.py, larger windows tap by tap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from intarsia.kernelcall import Constant, KernelCall
from intarsia_codegen import layertext
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.kernels import conv_2d_s8_s8__mve
from intarsia_codegen.layertext import integers
from intarsia_codegen.mve import depthwise, taps
from intarsia_codegen.mve import rows as kept
from intarsia_codegen.mve.requantize import Requantizer, channel_vectors, double_rounding


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """None for weights with a zero point, and for depth multipliers above 1 with several input channels."""
    if call.integer("weights_zero") != 0:
        return None
    if call.integer("multiplier") != 1:
        return conv_2d_s8_s8__mve.generate(as_convolution(call), name) if call.integer("in_c") == 1 else None
    if max(integers(call, "kernel_h", "kernel_w")) > depthwise.MAX_TAPS:
        return _large(call, name, double_rounding(call))
    return _small(call, name, double_rounding(call))


def as_convolution(call: KernelCall) -> KernelCall:
    """With one input channel every output channel is that of an ordinary convolution."""
    kernel_h, kernel_w, channels = integers(call, "kernel_h", "kernel_w", "multiplier")
    weights = call.constant("weights").reshape(kernel_h, kernel_w, channels).transpose(2, 0, 1)
    constants = [
        Constant("weights", weights[..., None]) if constant.name == "weights" else constant
        for constant in call.constants
    ]
    params = {**call.params, "out_c": channels}
    return replace(call, contract="conv_2d_s8_s8", params=params, constants=tuple(constants))


def _folded_bias(call: KernelCall) -> np.ndarray:
    weights = call.constant("weights").reshape(-1, call.integer("in_c"))
    return layertext.folded_bias(call, weights.sum(axis=0, dtype=np.int64))


def _small(call: KernelCall, name: str, requant: Requantizer) -> GeneratedKernel:
    batch, in_h, in_w, channels, out_h, out_w = integers(
        call, "batch", "in_h", "in_w", "in_c", "out_h", "out_w"
    )
    kernel_h, kernel_w, stride_w, dilation_w = integers(
        call, "kernel_h", "kernel_w", "stride_w", "dilation_w"
    )
    square = _is_square(call)
    columns = (out_w - 1) * stride_w + (kernel_w - 1) * dilation_w + 1
    touched = (-(-out_w // 4) * 4 - 1) * stride_w + 3 * dilation_w + 1
    quads = -(-4 * channels * max(touched, columns) // 16) * 16 + depthwise.SLACK
    row = -(-in_w * channels // 16) * 16
    weights = call.constant("weights").reshape(kernel_h, kernel_w, channels)
    copied = ("stride_h", "stride_w", "dilation_h", "dilation_w", "pad_top")
    fields: dict[str, int | str] = {
        "in_h": in_h,
        "in_w": in_w,
        "channels": channels,
        "out_h": out_h,
        "out_w": out_w,
        **{field: call.integer(field) for field in copied},
        "left": call.integer("pad_left"),
        "columns": columns,
        "quads": quads,
        "square": int(square),
        "fill": call.integer("in_zero"),
        "to": requant.limits,
        "records": f"{name}_records",
    }
    function = depthwise.name(requant.form, requant.full)
    body = f"""  for (int32_t n = 0; n < {batch}; n++) {{
    {function}(in + n * {in_h * in_w * channels}, out + n * {out_h * out_w * channels}, scratch,
        &{name}_layer);
  }}
"""
    source = layertext.layer(
        name,
        title="DEPTHWISE_CONV_2D on interleaved rows.",
        includes=["itr_mve_depthwise.h"],
        declarations=[depthwise.prototype(requant.form, requant.full)],
        definitions=[
            layertext.array(f"{name}_records", depthwise.pack(weights, _folded_bias(call), requant)),
            layertext.structure("itr_mve_depthwise", f"{name}_layer", fields),
        ],
        body=body,
    )
    outputs = batch * out_h * out_w * channels
    return GeneratedKernel(
        function=name,
        prototype=layertext.prototype(name) + ";",
        sources=(source, *depthwise.sources(requant.form, requant.full), *kept.sources()),
        cost=outputs * (9 if square else 13) // 2
        + batch * out_h * in_w * channels // 4
        + 20 * channels * out_h,
        scratch=quads + 2 * row,
        inplace=((0, 0),) if square else (),
        stack_bytes=depthwise.stack_bytes(requant.form, requant.full),
    )


def _is_square(call: KernelCall) -> bool:
    """3x3 of stride 1, output shaped as the input: two rows of outputs at a time, in place if need be."""
    same = integers(call, "in_h", "in_w") == integers(call, "out_h", "out_w")
    names = ("stride_h", "stride_w", "dilation_h", "dilation_w", "pad_top", "pad_left")
    return same and integers(call, "kernel_h", "kernel_w") == [3, 3] and integers(call, *names) == [1] * 6


def _large(call: KernelCall, name: str, requant: Requantizer) -> GeneratedKernel:
    """Windows of any size, over rows that are kept in scratch with their padding."""
    batch, in_h, in_w, channels, out_h, out_w = integers(
        call, "batch", "in_h", "in_w", "in_c", "out_h", "out_w"
    )
    kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_top = integers(
        call, "kernel_h", "kernel_w", "stride_h", "stride_w", "dilation_h", "dilation_w", "pad_top"
    )
    shape = kept.Rows.of(call)
    fields: dict[str, int | str] = {
        "channels": channels,
        "out_w": out_w,
        "kernel_h": kernel_h,
        "kernel_w": kernel_w,
        "tap_x": dilation_w * channels,
        "tap_y": dilation_h * shape.pitch,
        "step": stride_w * channels,
        "to": requant.limits,
        "weights": f"{name}_weights",
        "vectors": f"{name}_vectors",
    }
    body = f"""  for (int32_t n = 0; n < {batch}; n++, in += {in_h * in_w * channels}) {{
    itr_mve_rows_start(scratch, in, &{name}_rows, {-pad_top});
    for (int32_t y = 0; y < {out_h}; y++, out += {out_w * channels}) {{
      if (y > 0) {{
        itr_mve_rows_advance(scratch, in, &{name}_rows, y * {stride_h} - {pad_top}, {stride_h});
      }}
      {taps.name(requant.form)}(scratch, out, &{name}_layer);
    }}
  }}
"""
    weights = call.constant("weights").reshape(kernel_h, kernel_w, channels)
    source = layertext.layer(
        name,
        title="DEPTHWISE_CONV_2D tap by tap.",
        includes=["itr_mve_rows.h", "itr_mve_taps.h"],
        declarations=[taps.prototype(requant.form)],
        definitions=[
            layertext.array(f"{name}_weights", taps.pack(weights)),
            layertext.array(f"{name}_vectors", channel_vectors(requant, _folded_bias(call))),
            layertext.structure("itr_mve_rows", f"{name}_rows", vars(shape)),
            layertext.structure("itr_mve_taps", f"{name}_layer", fields),
        ],
        body=body,
    )
    per_pixel = -(-channels // 4) * (30 + 6 * kernel_h * kernel_w + 8 * kernel_h)
    return GeneratedKernel(
        function=name,
        prototype=layertext.prototype(name) + ";",
        sources=(source, *taps.sources(requant.form), *kept.sources()),
        cost=batch * out_h * (out_w * per_pixel + in_w * channels * kernel_h // 4),
        scratch=shape.size,
        inplace=((0, 0),) if _keeps_ahead(call) else (),
    )


def _keeps_ahead(call: KernelCall) -> bool:
    """Whether every row of outputs lies on input rows that are no longer needed once its windows are kept."""
    same = integers(call, "in_h", "in_w") == integers(call, "out_h", "out_w")
    return same and call.integer("stride_h") == 1
