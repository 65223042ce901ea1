# SPDX-License-Identifier: Apache-2.0
"""How the products of an outer product are cut into chunks, and what keeps their fields apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from intarsia.fixedpoint import INT32_MAX, Int64Array
from intarsia_codegen.narrow import outer
from intarsia_codegen.narrow.layer import Narrow
from intarsia_codegen.narrow.outer import Shape
from intarsia_codegen.narrow.stream import Tiling, excess_of, largest_field


@dataclass(frozen=True)
class Cut:
    """A tiling for a shape. With a `lead` all chunks go into the same fields (see `outer`)."""

    shape: Shape
    tiling: Tiling
    lead: int | None = None

    @property
    def chunks(self) -> int:
        return len(self.tiling.chunks())

    @property
    def single(self) -> bool:
        """Whether fields hold the sums of all steps."""
        return self.lead is not None or self.chunks == 1

    def shift(self, layer: Narrow) -> Int64Array:
        """What sums are more than accumulators, by channel."""
        if self.lead is not None:
            return self.lead - layer.bias
        return excess_of(layer) * self.shape.largest * self.tiling.steps - layer.bias


def cuts(layer: Narrow, cells: int, in_c: int) -> list[Cut]:
    """All that keep fields apart for windows of `cells` pixels, best first."""
    shapes = outer.SHAPES.get((layer.weight_bits, layer.in_bits), ())
    plain = [Cut(shape, Tiling.of(shape, cells, in_c)) for shape in shapes]
    fitting = [cut for cut in plain if cut.shape.fits(cut.shape.largest * largest_field(layer, cut.tiling))]
    leading = [found for cut in plain if (found := _with_lead(layer, cut)) is not None]
    singles = [cut for cut in fitting if cut.single]
    return [*singles[:1], *leading[:1], *fitting[:1]]


def _with_lead(layer: Narrow, cut: Cut) -> Cut | None:
    """The same with all steps in the same fields; None where these cannot hold them, and for two pairs per byte."""
    shape = cut.shape
    falling = shape.largest * int(np.maximum(-layer.matrix, 0).sum(axis=1).max())
    rising = shape.largest * int(np.maximum(layer.matrix, 0).sum(axis=1).max())
    taken = excess_of(layer) * shape.largest * cut.tiling.steps * shape.ones
    lead = max(falling, 1)
    if layer.out_bits == 2 or taken > INT32_MAX or not shape.fits(lead + rising):
        return None
    return Cut(shape, cut.tiling, lead)
