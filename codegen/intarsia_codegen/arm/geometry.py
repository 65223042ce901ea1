# SPDX-License-Identifier: Apache-2.0
"""Spatial shape of a convolution call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from intarsia.kernelcall import Param


@dataclass(frozen=True)
class Geometry:
    """Parameters of a call. Borders may be negative: the first window then starts inside the input."""

    batch: int
    in_h: int
    in_w: int
    in_c: int
    kernel_h: int
    kernel_w: int
    stride_h: int
    stride_w: int
    dilation_h: int
    dilation_w: int
    pad_top: int
    pad_left: int
    out_h: int
    out_w: int
    out_c: int
    in_zero: int

    @staticmethod
    def of(params: Mapping[str, Param], out_c: int) -> Geometry:
        names = [name for name in Geometry.__dataclass_fields__ if name != "out_c"]
        return Geometry(out_c=out_c, **{name: _integer(params[name]) for name in names})

    @property
    def reach_h(self) -> int:
        """Input rows under one window."""
        return (self.kernel_h - 1) * self.dilation_h + 1

    @property
    def reach_w(self) -> int:
        return (self.kernel_w - 1) * self.dilation_w + 1

    @property
    def span_h(self) -> int:
        """Input rows under all windows, padding included."""
        return (self.out_h - 1) * self.stride_h + self.reach_h

    @property
    def span_w(self) -> int:
        return (self.out_w - 1) * self.stride_w + self.reach_w

    @property
    def inside(self) -> bool:
        """Whether no window reaches over the border."""
        fits = self.span_h - self.pad_top <= self.in_h and self.span_w - self.pad_left <= self.in_w
        return fits and self.pad_top <= 0 and self.pad_left <= 0

    @property
    def segment(self) -> int:
        """Contiguous bytes of a window in one row."""
        return self.kernel_w * self.in_c

    @property
    def contiguous(self) -> bool:
        """Whether a row of a window lies in one piece."""
        return self.kernel_w == 1 or self.dilation_w == 1

    @property
    def gathered(self) -> bool:
        """Whether windows are not made of contiguous segments of at least a word."""
        return self.segment < 4 or not self.contiguous

    @property
    def whole_input(self) -> bool:
        """Whether the only window is the whole input."""
        sizes = (self.kernel_h, self.kernel_w, self.out_h, self.out_w)
        return self.inside and sizes == (self.in_h, self.in_w, 1, 1)

    @property
    def pixels(self) -> int:
        return self.out_h * self.out_w


def _integer(value: Param) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{value!r} is not an integer")
    return value
