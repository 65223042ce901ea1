# SPDX-License-Identifier: Apache-2.0
"""Matrix products in blocks of two pixels and four channels, and depthwise rows channel by channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from intarsia.kernelcall import KernelCall
from intarsia_codegen.blocked.scale import INSTRUCTIONS, Scale, scale_of, scale_once
from intarsia_codegen.blocked.sources import formed
from intarsia_codegen.carrays import array
from intarsia_codegen.constants import codes, live_channels
from intarsia_codegen.ctext import number
from intarsia_codegen.layertext import folded_bias, structure
from intarsia_codegen.rowwise.geometry import Windows
from intarsia_codegen.rowwise.layer import Product

CHANNELS = 4


def matrix_product(call: KernelCall, name: str, weights: np.ndarray, windows: Windows) -> Product:
    """`weights` are [channels, depth]; cells outside the image hold the zero point, so it moves into the bias."""
    scale = scale_of(call, weights, folded_bias(call, weights.sum(axis=1, dtype=np.int64)))
    return _product(call, name, weights, windows, scale, codes(call, weights))


def matrix_product_once(call: KernelCall, name: str, weights: np.ndarray, windows: Windows) -> Product | None:
    """The same for a call that rounds once; None where that is not proved."""
    scale = scale_once(call, weights, folded_bias(call, weights.sum(axis=1, dtype=np.int64)))
    live = np.ma.masked_array(np.zeros(len(weights), np.int64), True)
    return None if scale is None else _product(call, name, weights, windows, scale, live)


def _product(
    call: KernelCall,
    name: str,
    weights: np.ndarray,
    windows: Windows,
    scale: Scale,
    constant: np.ma.MaskedArray[Any, Any],
) -> Product:
    """`constant` has the codes of channels that no input changes, the others masked."""
    pitch, depth = (int(extent) for extent in weights.shape)
    arrays: dict[str, np.ndarray] = {"offsets": np.array(windows.offsets, np.int32)}
    live = live_channels(constant, CHANNELS)
    if scatter := live.size < pitch:
        scale, weights = replace(scale, channels=scale.channels[live]), weights[live]
        arrays |= {"constant": constant.filled(0).astype(np.int8), "places": live.astype(np.uint16)}
    channels = int(live.size)
    blocks = -(-channels // CHANNELS)
    padded = np.zeros((blocks * CHANNELS, depth), np.int8)
    padded[:channels] = weights
    arrays["weights"] = padded.reshape(blocks, CHANNELS, depth).transpose(0, 2, 1)
    fields = {
        "channels": channels,
        "pitch": pitch,
        "runs": len(windows.offsets),
        "run": windows.run,
        "step": windows.step,
    }
    function, sources = formed("gemm.c", "itr_blocked_gemm.h", scale.form, scatter=scatter)

    def cost(pixels: int) -> int:
        """Of a core with 32 registers; Cortex-M needs fewer for a sum and more for what does not fit 13."""
        double, rest = divmod(pixels, 2)
        sums = blocks * (double * (30 + 23 * depth) + rest * (25 + 14 * depth))
        return sums + pixels * channels * INSTRUCTIONS[scale.form]

    return Product(
        function,
        f"void {function}(const int8_t *in, int8_t *out, const itr_blocked_gemm *s, int32_t pixels)",
        "itr_blocked_gemm.h",
        _definitions("itr_blocked_gemm", name, call, scale, fields, arrays),
        sources,
        cost,
    )


def depthwise_product(call: KernelCall, name: str, pitch: int) -> Product:
    """For one output channel per input channel, on rows `pitch` bytes apart."""
    kernel_h, kernel_w, channels = (call.integer(p) for p in ("kernel_h", "kernel_w", "in_c"))
    taps = kernel_h * kernel_w
    weights = call.constant("weights").reshape(taps, channels).T
    scale = scale_of(call, weights, folded_bias(call, weights.sum(axis=1, dtype=np.int64)))
    square = (kernel_h, kernel_w) == (3, 3)
    fields = {
        "channels": channels,
        "step": call.integer("stride_w") * channels,
        "kernel_h": kernel_h,
        "kernel_w": kernel_w,
        "tap_x": call.integer("dilation_w") * channels,
        "tap_y": call.integer("dilation_h") * pitch,
    }
    file = "taps_3x3.c" if square else "taps.c"
    function, sources = formed(file, "itr_blocked_depthwise.h", scale.form)
    each = INSTRUCTIONS[scale.form] + (10 + 4 * taps if square else 10 + 8 * kernel_h + 7 * taps)
    return Product(
        function,
        f"void {function}(const int8_t *in, int8_t *out, const itr_blocked_depthwise *s, int32_t pixels)",
        "itr_blocked_depthwise.h",
        _definitions("itr_blocked_depthwise", name, call, scale, fields, {"weights": weights}),
        sources,
        lambda pixels: channels * (30 + pixels * each),
    )


def _definitions(
    kind: str,
    name: str,
    call: KernelCall,
    scale: Scale,
    fields: Mapping[str, int],
    arrays: Mapping[str, np.ndarray],
) -> tuple[str, ...]:
    """The arrays, and the structure `<name>_layer` that points to them."""
    limits = [call.integer(p) for p in ("out_zero", "minimum", "maximum")]
    values: dict[str, int | str] = {**fields, **{key: f"{name}_{key}" for key in arrays}}
    values["q"] = f"{name}_channels"
    values["to"] = "{" + ", ".join(map(str, (scale.scale_bits, scale.exponent, *limits))) + "}"
    texts = [array(f"{name}_{key}", data) for key, data in arrays.items()]
    rows = ",\n    ".join("{" + ", ".join(map(number, row)) + "}" for row in scale.channels)
    table = f"{name}_channels"
    texts.append(
        f"// clang-format off\nstatic const itr_blocked_channel {table}[{len(scale.channels)}] "
        f"ITR_WEIGHTS({table}) = {{\n    {rows},\n}};\n// clang-format on\n"
    )
    return (*texts, structure(kind, f"{name}_layer", values))
