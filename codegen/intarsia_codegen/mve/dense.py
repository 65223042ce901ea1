# SPDX-License-Identifier: Apache-2.0
"""Fully connected layers: four units at a time, each vector of 16 inputs is used four times."""

from __future__ import annotations

import numpy as np

from intarsia_codegen.generated import SourceFile
from intarsia_codegen.mve.requantize import Form, Requantizer, channel_vectors
from intarsia_codegen.mve.sources import formed, shared

STEP = 16
BLOCK = 4


def name(form: Form) -> str:
    return f"itr_mve_dense_{form.name}"


def prototype(form: Form) -> str:
    return f"void {name(form)}(const int8_t *in, int8_t *out, const itr_mve_dense *s)"


def sources(form: Form) -> tuple[SourceFile, ...]:
    headers = shared("itr_mve_limits.h", "itr_mve_requantize.h", "itr_mve_dense.h")
    return (*headers, formed("dense.c", name(form), form))


def pack(weights: np.ndarray, bias: np.ndarray, requant: Requantizer) -> np.ndarray:
    """Weights [units, columns] as `itr_mve_dense` wants them, columns padded with 0, as int8."""
    units, columns = weights.shape
    blocks, steps = -(-units // BLOCK), -(-columns // STEP)
    padded = np.zeros((blocks * BLOCK, steps * STEP), np.int8)
    padded[:units, :columns] = weights
    products = padded.reshape(blocks, BLOCK, steps, STEP).transpose(0, 2, 1, 3).reshape(blocks, -1)
    vectors = channel_vectors(requant, bias).view(np.int8)
    return np.concatenate([vectors, products], axis=1)
