# SPDX-License-Identifier: Apache-2.0
"""Depthwise convolution: channels in the lanes, or, where a layer has few, pixels and channels as they lie in memory.

With stride 1 the outputs of a row follow each other as their inputs do, tap by tap, so lanes need not end with a
pixel; constants are repeated for as many lanes as are used at once. Products of two taps are added in 16 bits where
the weights allow it, then widened.
"""

from __future__ import annotations

import numpy as np

from intarsia_codegen.generated import SourceFile
from intarsia_codegen.rvv.requantize import Form
from intarsia_codegen.rvv.sources import formed, fragment

LANES = 64
"""Most lanes used at once: vectors of 256 bits are used entirely."""
MANY_CHANNELS = 96
"""From here on, vectors end with a pixel: repeating the constants would take more memory than it saves time."""
HEADER = "itr_rvv_depthwise.h"


def name(form: Form, taps: int, together: int) -> str:
    return f"itr_rvv_depthwise_{taps}{'' if together == 2 else 's'}_{form.name}"


def prototype(form: Form, taps: int, together: int) -> str:
    return f"void {name(form, taps, together)}(const int8_t *in, int8_t *out, const itr_rvv_depthwise *s)"


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


def cost(outputs: int, channels: int, stride: int, taps: int, form: Form) -> int:
    """Instructions for so many outputs with vectors of 128 bits."""
    lanes = 32 if stride == 1 and channels < MANY_CHANNELS else channels / -(-channels // 32)
    return round(outputs / lanes * (20 + 6 * taps + form.instructions))
