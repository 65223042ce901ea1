# SPDX-License-Identifier: Apache-2.0
"""1x1 convolutions of at most 16 channels: the weights of four outputs stay in registers over all pixels."""

from __future__ import annotations

import numpy as np

from intarsia_codegen.generated import SourceFile
from intarsia_codegen.mve.requantize import Form, Requantizer, channel_vectors
from intarsia_codegen.mve.sources import formed, shared

DEPTH = 16
BLOCK = 4


def name(form: Form) -> str:
    return f"itr_mve_narrow_{form.name}"


def prototype(form: Form) -> str:
    return f"void {name(form)}(const int8_t *in, int8_t *out, const itr_mve_narrow *s, int32_t pixels)"


def sources(form: Form) -> tuple[SourceFile, ...]:
    headers = shared("itr_mve_limits.h", "itr_mve_requantize.h", "itr_mve_narrow.h")
    return (*headers, formed("narrow.c", name(form), form))


def applies(depth: int, channels: int, requant: Requantizer) -> bool:
    """Where it is the fastest: ties that need a correction cost more here than in mve/gemm.py."""
    fits = depth < DEPTH or (depth == DEPTH and requant.form.ties == "up")
    return fits and channels % BLOCK == 0 and requant.full and not requant.form.left


def cost(pixels: int, channels: int, form: Form) -> int:
    """Instructions of one call."""
    return 40 + channels // BLOCK * (25 + pixels * (18 if form.ties == "up" else 22))


def pack(weights: np.ndarray, bias: np.ndarray, requant: Requantizer) -> np.ndarray:
    """Weights [channels, depth] and requantization as `itr_mve_narrow` wants them, as int8."""
    channels, depth = weights.shape
    padded = np.zeros((channels, DEPTH), np.int8)
    padded[:, :depth] = weights
    vectors = channel_vectors(requant, bias).view(np.int8)
    return np.concatenate([vectors, padded.reshape(channels // BLOCK, -1)], axis=1)
