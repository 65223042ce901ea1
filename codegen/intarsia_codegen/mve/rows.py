# SPDX-License-Identifier: Apache-2.0
"""Image rows kept in scratch with their padding, so that windows never leave the buffer."""

from __future__ import annotations

from dataclasses import dataclass

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import SourceFile
from intarsia_codegen.mve.sources import shared

SLACK = 16
"""Bytes behind the rows that vectors may touch."""


def sources() -> tuple[SourceFile, ...]:
    return shared("itr_mve_rows.h", "itr_mve_rows.c")


@dataclass(frozen=True)
class Rows:
    """The rows that one row of windows reads; fields of `itr_mve_rows`."""

    in_h: int
    in_pitch: int
    bytes: int
    kept: int
    pitch: int
    left: int
    fill: int

    @staticmethod
    def of(call: KernelCall) -> Rows:
        """For a windowed call (convolution or depthwise convolution)."""
        channels, in_w, left = (call.integer(p) for p in ("in_c", "in_w", "pad_left"))
        reach_w = (call.integer("kernel_w") - 1) * call.integer("dilation_w") + 1
        wide = (call.integer("out_w") - 1) * call.integer("stride_w") + reach_w
        return Rows(
            in_h=call.integer("in_h"),
            in_pitch=in_w * channels,
            bytes=min(in_w, wide - left) * channels,
            kept=(call.integer("kernel_h") - 1) * call.integer("dilation_h") + 1,
            pitch=-(-wide * channels // 16) * 16,
            left=left * channels,
            fill=call.integer("in_zero"),
        )

    @property
    def size(self) -> int:
        """Bytes of the buffer, slack included."""
        return self.kept * self.pitch + SLACK
