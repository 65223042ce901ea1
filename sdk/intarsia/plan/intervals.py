# SPDX-License-Identifier: Apache-2.0
"""Ranges of rows or columns, and which of them an output needs of an input. Exact for any window, stride and border."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from intarsia.ops.base import Field


@dataclass(frozen=True, order=True)
class Interval:
    """Cells low <= i < high of one axis; `low` may be negative, where a border is meant."""

    low: int
    high: int

    @property
    def size(self) -> int:
        return max(self.high - self.low, 0)

    def clipped(self, extent: int) -> Interval:
        """The cells that an axis of `extent` cells really has; empty when there are none."""
        return Interval(min(max(self.low, 0), extent), min(max(self.high, 0), extent))


def hull(intervals: Iterable[Interval]) -> Interval:
    """The smallest interval that covers all of them, at least one."""
    several = list(intervals)
    return Interval(min(i.low for i in several), max(i.high for i in several))


def needed(out: Interval, field: Field) -> Interval:
    """Input cells from which output cells `out` are made, border cells beyond the ends of the input included."""
    first = out.low * field.stride - field.before
    return Interval(first, first + (out.size - 1) * field.stride + field.reach)


def touching(out: Interval, field: Field, extent: int) -> Interval:
    """Output cells `out`, and more on the side of the input if all that they are made from is border."""
    read = needed(out, field)
    if read.high <= 0:
        return Interval(out.low, (field.before - field.reach) // field.stride + 2)
    if read.low >= extent:
        return Interval((extent + field.before - 1) // field.stride, out.high)
    return out


def parts(extent: int, count: int) -> tuple[Interval, ...]:
    """`count` intervals of sizes as equal as can be that make up `extent` cells. Raises ValueError for empty ones."""
    if not 1 <= count <= extent:
        raise ValueError(f"cannot cut {extent} cells into {count} parts")
    ends = [extent * i // count for i in range(count + 1)]
    return tuple(Interval(low, high) for low, high in pairwise(ends))
