# SPDX-License-Identifier: Apache-2.0
"""DEPTHWISE_CONV_2D int8 for RISC-V vectors (rvv/depthwise.py), on rows that are kept in scratch with their padding."""

from __future__ import annotations

import numpy as np

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.kernels import conv_2d_s8_s8__rvv
from intarsia_codegen.kernels.depthwise_conv_2d_s8_s8__mve import as_convolution
from intarsia_codegen.mve import layertext
from intarsia_codegen.mve.layertext import integers
from intarsia_codegen.rvv import depthwise, rows
from intarsia_codegen.rvv.requantize import double_rounding
from intarsia_codegen.rvv.rows import Rows
from intarsia_codegen.rvv.sources import array, constants

MAX_TAPS = 64
"""Larger windows are left to portable C: every tap is written out."""


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """None for weights with a zero point, for depth multipliers above 1 with several channels and for huge windows."""
    if call.integer("weights_zero") != 0:
        return None
    if call.integer("multiplier") != 1:
        return conv_2d_s8_s8__rvv.generate(as_convolution(call), name) if call.integer("in_c") == 1 else None
    if call.integer("kernel_h") * call.integer("kernel_w") > MAX_TAPS:
        return None
    return _layer(call, name)


def _layer(call: KernelCall, name: str) -> GeneratedKernel:
    batch, channels, out_h, out_w, kernel_h, kernel_w = integers(
        call, "batch", "in_c", "out_h", "out_w", "kernel_h", "kernel_w"
    )
    taps, stride = kernel_h * kernel_w, call.integer("stride_w")
    weights = call.constant("weights").reshape(taps, channels)
    bias = layertext.folded_bias(call, weights.sum(axis=0, dtype=np.int64))
    requant = double_rounding(call, bias)
    length = depthwise.constants_length(channels, stride)
    form, together = requant.form, depthwise.together(weights)
    kept = Rows.of(call)
    fields: dict[str, int | str] = {
        "spans": 1 if stride == 1 else out_w,
        "span": out_w * channels if stride == 1 else channels,
        "step": stride * channels,
        "period": channels,
        "pitch": length,
        "to": requant.limits,
        "offsets": f"{name}_offsets",
        "weights": f"{name}_weights",
        "q": f"&{name}_channels",
    }
    repeated = np.stack([np.resize(row, length) for row in weights])
    statement = f"{depthwise.name(form, taps, together)}(scratch, out, &{name}_layer);"
    source = layertext.layer(
        name,
        title="DEPTHWISE_CONV_2D.",
        includes=["itr_rvv_depthwise.h", "itr_rvv_rows.h"],
        declarations=[depthwise.prototype(form, taps, together)],
        definitions=[
            *constants(name, requant.extended(length)),
            array(f"{name}_weights", repeated.astype(np.int8)),
            array(f"{name}_offsets", np.array(_offsets(call, kept.pitch), np.int32)),
            layertext.structure("itr_rvv_rows", f"{name}_rows", vars(kept)),
            layertext.structure("itr_rvv_depthwise", f"{name}_layer", fields),
        ],
        body=rows.loop(call, name, statement, out_w * channels),
    )
    outputs = batch * out_h * out_w * channels
    return GeneratedKernel(
        function=name,
        prototype=layertext.prototype(name) + ";",
        sources=(source, *depthwise.sources(form, taps, together), *rows.sources()),
        cost=depthwise.cost(outputs, channels, stride, taps, form) + rows.cost(call),
        scratch=kept.size,
        inplace=((0, 0),) if _keeps_ahead(call) else (),
    )


def _offsets(call: KernelCall, pitch: int) -> list[int]:
    channels, kernel_h, kernel_w, dilation_h, dilation_w = integers(
        call, "in_c", "kernel_h", "kernel_w", "dilation_h", "dilation_w"
    )
    return [
        ky * dilation_h * pitch + kx * dilation_w * channels
        for ky in range(kernel_h)
        for kx in range(kernel_w)
    ]


def _keeps_ahead(call: KernelCall) -> bool:
    """Whether every row of outputs lies on input rows that are no longer needed once its windows are kept."""
    same = integers(call, "in_h", "in_w") == integers(call, "out_h", "out_w")
    return same and call.integer("stride_h") == 1
