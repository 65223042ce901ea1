# SPDX-License-Identifier: Apache-2.0
"""Depthwise convolution with windows of up to 4 x 4 taps: four image rows are interleaved, byte by byte.

After VST4 has interleaved four rows, a 32-bit word holds four rows of one column and channel. A gather of
four such words is a 4 x 4 window of a channel, one VMLADAV with the weights (0 where the window is smaller)
its sum. For 3x3 of stride 1 the same 16 values serve four outputs: the weights are shifted by one byte for
the next row, by one word for the next column.
"""

from __future__ import annotations

import numpy as np

from intarsia_codegen.generated import SourceFile
from intarsia_codegen.mve import square
from intarsia_codegen.mve.requantize import Form, Requantizer
from intarsia_codegen.mve.sources import formed, shared

MAX_TAPS = 4
QUAD = 4
SLACK = 64
"""Bytes that the last VST4 of a row may write behind it."""


def name(form: Form, full: bool) -> str:
    """`full`: the output's limits are those of int8."""
    return f"itr_mve_depthwise_{form.name}{'' if full else '_clamp'}"


def prototype(form: Form, full: bool) -> str:
    return (
        f"void {name(form, full)}(const int8_t *in, int8_t *out, void *scratch, const itr_mve_depthwise *s)"
    )


def sources(form: Form, full: bool) -> tuple[SourceFile, ...]:
    headers = shared(
        "itr_mve_limits.h", "itr_mve_requantize.h", "itr_mve_depthwise.h", "itr_mve_interleave.c"
    )
    squares = (square.source(form),) if full else ()
    symbol = square.name(form) if full else "two_rows"
    code = formed("depthwise.c", name(form, full), form, full=full, more={"SQUARE": symbol})
    return (*headers, code, *squares)


def stack_bytes(form: Form, full: bool) -> dict[str, int]:
    """Of the functions in assembler."""
    return {square.name(form): square.STACK_BYTES} if full else {}


def pack(weights: np.ndarray, bias: np.ndarray, requant: Requantizer) -> np.ndarray:
    """int32 [channels, 9] as `records` wants it, for weights [kernel_h, kernel_w, channels]."""
    height, width, channels = weights.shape
    taps = np.zeros((channels, MAX_TAPS, MAX_TAPS), np.int8)
    taps[:, :width, :height] = weights.transpose(2, 1, 0)
    words = taps.reshape(channels, -1).view("<i4")
    scalars = (bias, requant.multiplier, requant.right, requant.left)
    return np.column_stack([np.zeros(channels, "<i4"), words, *scalars]).astype("<i4")
