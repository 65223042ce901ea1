# SPDX-License-Identifier: Apache-2.0
"""Depthwise convolution with windows of any size: tap by tap, four channels in the lanes of a vector."""

from __future__ import annotations

import numpy as np

from intarsia_codegen.generated import SourceFile
from intarsia_codegen.mve.requantize import Form
from intarsia_codegen.mve.sources import formed, shared


def name(form: Form) -> str:
    return f"itr_mve_taps_{form.name}"


def prototype(form: Form) -> str:
    return f"void {name(form)}(const int8_t *in, int8_t *out, const itr_mve_taps *s, int32_t pixels)"


def sources(form: Form) -> tuple[SourceFile, ...]:
    headers = shared("itr_mve_limits.h", "itr_mve_requantize.h", "itr_mve_taps.h")
    return (*headers, formed("taps.c", name(form), form))


def pack(weights: np.ndarray) -> np.ndarray:
    """Weights [kernel_h, kernel_w, channels] as `itr_mve_taps` wants them."""
    channels = weights.shape[2]
    padded = np.zeros((weights.shape[0] * weights.shape[1], -(-channels // 4) * 4), np.int8)
    padded[:, :channels] = weights.reshape(-1, channels)
    return np.ascontiguousarray(padded.reshape(padded.shape[0], -1, 4).transpose(1, 0, 2))
