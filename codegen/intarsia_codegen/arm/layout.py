# SPDX-License-Identifier: Apache-2.0
"""Where windows are read from, and the geometries that one kernel serves: one, or those of all branches."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from intarsia.dtypes import BY_BITS
from intarsia.kernelcall import KernelCall
from intarsia_codegen.arm.geometry import Geometry

STRIP_BYTES = 2048
"""Aim for the padded rows that are kept at a time."""


@dataclass(frozen=True)
class Layout:
    """Geometries that differ in extents and borders only.

    With `branches` the kernel takes the geometry from its parameters. Padded copies of rows are then equally long in
    all branches, so that the code that reads them is the same. Windows are read directly only where they have one row:
    their code does not depend on the length of rows.
    """

    geometries: tuple[Geometry, ...]
    branches: bool

    @staticmethod
    def of(call: KernelCall, out_c: int) -> Layout:
        geometries = tuple(Geometry.of(params, out_c) for params in call.variants or (call.params,))
        return Layout(geometries, bool(call.variants))

    def in_bytes(self, in_bits: int, out_bits: int) -> Layout:
        """The same with bytes of packed pixels for channels, and a byte of zero points for the zero point."""

        def packed(g: Geometry) -> Geometry:
            zero = (
                g.in_zero
                if in_bits == 8
                else BY_BITS[in_bits].pack(np.full(8 // in_bits, g.in_zero, np.int8))[0]
            )
            return replace(g, in_c=g.in_c * in_bits // 8, out_c=g.out_c * out_bits // 8, in_zero=zero)

        return replace(self, geometries=tuple(map(packed, self.geometries)))

    @property
    def first(self) -> Geometry:
        return self.geometries[0]

    @property
    def served(self) -> bool:
        """Whether there is code for these geometries."""
        return not self.branches or all(g.batch == 1 for g in self.geometries)

    @property
    def direct(self) -> bool:
        """Whether all windows are read from the input itself."""
        one_row = self.first.kernel_h == 1 or not self.branches
        return one_row and all(g.inside for g in self.geometries)

    @property
    def driver(self) -> str:
        """Driver for windows of contiguous segments: `itr_dsp_conv_<driver>`."""
        return "direct" if self.direct else "padded"

    @property
    def row_bytes(self) -> int:
        """Of the rows that windows are read from: the input's, or padded copies."""
        return max((g.in_w if self.direct else g.span_w) * g.in_c for g in self.geometries)

    @property
    def strip(self) -> int:
        """Output rows per strip: whole blocks of four pixels if possible, and never less than one block.

        Branches of less than four columns take all their rows as one strip.
        """
        g = self.first
        tallest = max(g.out_h for g in self.geometries)
        if self.direct or (not self.branches and g.out_w < 4):
            return tallest
        rows = (STRIP_BYTES // self.row_bytes - g.reach_h) // g.stride_h + 1
        rows = min(max(rows, 1), tallest)
        whole = [r for r in range(1, rows + 1) if all(r * g.out_w % 4 == 0 for g in self.geometries)]
        return whole[-1] if whole else rows

    def rows_bytes(self, g: Geometry) -> int:
        """Scratch for the rows of a strip of one of the geometries."""
        if self.direct:
            return 0
        rows = g.out_h if g.out_w < 4 else min(self.strip, g.out_h)
        return ((rows - 1) * g.stride_h + g.reach_h) * self.row_bytes
