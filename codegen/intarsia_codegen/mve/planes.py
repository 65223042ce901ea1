# SPDX-License-Identifier: Apache-2.0
"""Depthwise convolution of larger windows: a channel at a time is copied to a plane, where rows of windows are vectors.

The row of a window is one vector of 16 neighbouring pixels, of which weights of 0 take out those beyond the window: one
load and one VMLADAVA per row. The weights of all rows stay in vector registers. The code is made for the plane's pitch,
so that the rows of a window are within reach of one pointer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import SourceFile
from intarsia_codegen.layertext import integers
from intarsia_codegen.mve.requantize import Requantizer
from intarsia_codegen.mve.sources import formed, shared

VECTOR = 16
MAX_ROWS = 7
"""Weights of as many rows leave one vector register for pixels."""

MAX_BYTES = 8192
"""Largest plane that is kept in scratch."""


@dataclass(frozen=True)
class Plane:
    """The padded image of one channel."""

    rows: int
    pitch: int
    slack: int

    @staticmethod
    def of(call: KernelCall) -> Plane:
        kernel_h, kernel_w, stride_h, stride_w = integers(
            call, "kernel_h", "kernel_w", "stride_h", "stride_w"
        )
        out_h, out_w = integers(call, "out_h", "out_w")
        pitch = (out_w - 1) * stride_w + kernel_w
        touched = (-(-out_w // 4) * 4 - 1) * stride_w + VECTOR
        return Plane((out_h - 1) * stride_h + kernel_h, pitch, max(touched - pitch, 0))

    @property
    def bytes(self) -> int:
        return -(-(self.rows * self.pitch + self.slack) // VECTOR) * VECTOR


def applies(call: KernelCall) -> bool:
    """Whether the code takes a layer with one output per channel."""
    kernel_h, kernel_w, dilation_h, dilation_w = integers(
        call, "kernel_h", "kernel_w", "dilation_h", "dilation_w"
    )
    window = kernel_h <= MAX_ROWS and kernel_w <= VECTOR and dilation_h == dilation_w == 1
    offsets = 8 * call.integer("in_c") <= 0xFFFF
    return window and offsets and Plane.of(call).bytes <= MAX_BYTES


def name(call: KernelCall, requant: Requantizer) -> str:
    rows, step_h, step_w = integers(call, "kernel_h", "stride_h", "stride_w")
    full = "" if requant.full else "_clamp"
    return f"itr_mve_planes_{rows}x{Plane.of(call).pitch}_s{step_h}x{step_w}_{requant.form.name}{full}"


def prototype(function: str) -> str:
    return f"void {function}(const int8_t *in, int8_t *out, void *scratch, const itr_mve_planes *s)"


def sources(call: KernelCall, requant: Requantizer) -> tuple[SourceFile, ...]:
    headers = shared("itr_mve_limits.h", "itr_mve_requantize.h", "itr_mve_planes.h")
    rows, step_h, step_w = integers(call, "kernel_h", "stride_h", "stride_w")
    settings = {"ROWS": rows, "PITCH": Plane.of(call).pitch, "STEP": step_w, "STEP_Y": step_h}
    return (
        *headers,
        formed("planes.c", name(call, requant), requant.form, full=requant.full, more=settings),
    )


def pack(weights: np.ndarray, bias: np.ndarray, requant: Requantizer) -> np.ndarray:
    """int8 [channels, 16 * kernel_h + 16] as `records` wants it, for weights [kernel_h, kernel_w, channels]."""
    height, width, channels = weights.shape
    rows = np.zeros((channels, height, VECTOR), np.int8)
    rows[:, :, :width] = weights.transpose(2, 0, 1)
    scalars = np.column_stack([bias, requant.multiplier, requant.right, requant.left]).astype("<i4")
    return np.concatenate([rows.reshape(channels, -1), scalars.view(np.int8)], axis=1)
