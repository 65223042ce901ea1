# SPDX-License-Identifier: Apache-2.0
"""Depthwise convolution: channels in the lanes, or, where a layer has few, pixels and channels as they lie in memory.

With stride 1 the outputs of a row follow each other as their inputs do, tap by tap, so lanes need not end with a
pixel; constants are repeated for as many lanes as are used at once. Products of two taps are added in 16 bits where
the weights allow it, then widened.
"""

from __future__ import annotations

import numpy as np

from intarsia.kernelcall import KernelCall
from intarsia_codegen.carrays import array
from intarsia_codegen.generated import SourceFile
from intarsia_codegen.layertext import folded_bias, structure
from intarsia_codegen.rowwise.geometry import Windows
from intarsia_codegen.rowwise.layer import Product
from intarsia_codegen.rvv.requantize import Form, double_rounding
from intarsia_codegen.rvv.sources import constants, formed, fragment

LANES = 64
"""Most lanes used at once: vectors of 256 bits are used entirely."""
MANY_CHANNELS = 96
"""From here on, vectors end with a pixel: repeating the constants would take more memory than it saves time."""
HEADER = "itr_rvv_depthwise.h"


def name(form: Form, taps: int, together: int) -> str:
    return f"itr_rvv_depthwise_{taps}{'' if together == 2 else 's'}_{form.name}"


def prototype(form: Form, taps: int, together: int) -> str:
    function = name(form, taps, together)
    return f"void {function}(const int8_t *in, int8_t *out, const itr_rvv_depthwise *s, int32_t pixels)"


def sources(form: Form, taps: int, together: int) -> tuple[SourceFile, ...]:
    settings = {"TAPS": taps, "TOGETHER": together, "LANES": LANES}
    function = name(form, taps, together)
    return formed(fragment("depthwise.c"), function, form, HEADER, settings=settings)


def together(weights: np.ndarray) -> int:
    """How many taps, next to each other in [taps, channels], have products whose sum always fits 16 bits: 2 or 1."""
    pairs = (
        np.abs(weights[: len(weights) // 2 * 2].astype(np.int64)).reshape(-1, 2, weights.shape[1]).sum(axis=1)
    )
    return 2 if pairs.size and 128 * pairs.max() < 1 << 15 else 1


def constants_length(channels: int, stride: int) -> int:
    """How many of each constant a layer needs, so that a vector that begins at any channel finds its own."""
    if stride > 1 or channels >= MANY_CHANNELS:
        return channels
    return LANES if LANES % channels == 0 else channels + LANES


def product(call: KernelCall, layer: str, windows: Windows) -> Product:
    """What computes a row of a call with one output channel for each input channel."""
    channels, stride, taps = call.integer("in_c"), call.integer("stride_w"), len(windows.offsets)
    weights = call.constant("weights").reshape(taps, channels)
    requant = double_rounding(call, folded_bias(call, weights.sum(axis=0, dtype=np.int64)))
    length, form, pair = constants_length(channels, stride), requant.form, together(weights)
    fields: dict[str, int | str] = {
        "flat": int(stride == 1),
        "step": windows.step,
        "period": channels,
        "pitch": length,
        "to": requant.limits,
        "offsets": f"{layer}_offsets",
        "weights": f"{layer}_weights",
        "q": f"&{layer}_channels",
    }
    repeated = np.stack([np.resize(row, length) for row in weights])
    definitions = (
        *constants(layer, requant.extended(length)),
        array(f"{layer}_weights", repeated.astype(np.int8)),
        array(f"{layer}_offsets", np.array(windows.offsets, np.int32)),
        structure("itr_rvv_depthwise", f"{layer}_layer", fields),
    )
    # Vectors of 128 bits; with a stride, or many channels, they end with a pixel.
    lanes = 32 if stride == 1 and channels < MANY_CHANNELS else channels / -(-channels // 32)
    each = (20 + 6 * taps + form.instructions) / lanes
    return Product(
        name(form, taps, pair),
        prototype(form, taps, pair),
        HEADER,
        definitions,
        sources(form, taps, pair),
        lambda pixels: round(20 + pixels * channels * each),
    )
