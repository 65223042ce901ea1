# SPDX-License-Identifier: Apache-2.0
"""Where the windows of a call lie: extents, borders, and what differs between the branches of patches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from intarsia.kernelcall import KernelCall, Param


@dataclass(frozen=True)
class Windows:
    """Where a window's bytes lie: `runs` begin at `offsets`, the next window is `step` bytes further."""

    offsets: tuple[int, ...]
    run: int
    step: int

    @property
    def depth(self) -> int:
        return len(self.offsets) * self.run


@dataclass(frozen=True)
class Geometry:
    """Of a windowed call.

    `variants` are the parameters of all branches, or those of the call alone; what only depends on the layer is the
    same in all of them.
    """

    variants: tuple[Mapping[str, Param], ...]
    branches: bool

    @staticmethod
    def of(call: KernelCall) -> Geometry:
        return Geometry(call.variants or (call.params,), bool(call.variants))

    def __getitem__(self, name: str) -> int:
        """A parameter that is the same in all variants."""
        (value,) = set(self.each(name))
        return value

    def each(self, name: str) -> Iterator[int]:
        for variant in self.variants:
            value = variant[name]
            assert isinstance(value, int)
            yield value

    def text(self, name: str) -> str:
        """A parameter in C: a number, or read from the parameters of the branch."""
        values = set(self.each(name))
        return str(values.pop()) if len(values) == 1 else f"p->{name}"

    @property
    def served(self) -> bool:
        return not self.branches or set(self.each("batch")) == {1}

    @property
    def reach_w(self) -> int:
        return (self["kernel_w"] - 1) * self["dilation_w"] + 1

    @property
    def kept(self) -> int:
        """Image rows under a row of windows."""
        return (self["kernel_h"] - 1) * self["dilation_h"] + 1

    @property
    def inside(self) -> bool:
        """Whether no window leaves the image; never said of branches."""
        if self.branches or self["pad_top"] != 0 or self["pad_left"] != 0:
            return False
        below = (self["out_h"] - 1) * self["stride_h"] + self.kept
        beside = (self["out_w"] - 1) * self["stride_w"] + self.reach_w
        return below <= self["in_h"] and beside <= self["in_w"]

    @property
    def pixelwise(self) -> bool:
        """Output pixels are made from the input pixels at the same place."""
        names = ("kernel_h", "kernel_w", "stride_h", "stride_w")
        same = all(list(self.each(f"in_{axis}")) == list(self.each(f"out_{axis}")) for axis in "hw")
        inside = not any(self.each("pad_top")) and not any(self.each("pad_left"))
        return same and inside and all(self[name] == 1 for name in names)

    @property
    def pitch(self) -> int:
        """Bytes between the rows that windows are read from: the image's, or those of padded copies."""
        if self.inside or self.pixelwise:
            return max(self.each("in_w")) * self["in_c"]
        return ((max(self.each("out_w")) - 1) * self["stride_w"] + self.reach_w) * self["in_c"]

    @property
    def outputs(self) -> int:
        """Output pixels of the largest branch."""
        pairs = zip(self.each("out_h"), self.each("out_w"), strict=True)
        return self["batch"] * max(height * width for height, width in pairs)

    def windows(self) -> Windows:
        """All channels of a window; neighbouring taps of a row are one run."""
        together = self["dilation_w"] == 1 or self["kernel_w"] == 1
        taps, run = (1, self["kernel_w"]) if together else (self["kernel_w"], 1)
        return Windows(self._offsets(taps), run * self["in_c"], self["stride_w"] * self["in_c"])

    def taps(self) -> Windows:
        """One channel of a window: a byte for each tap."""
        return Windows(self._offsets(self["kernel_w"]), 1, self["stride_w"] * self["in_c"])

    def _offsets(self, taps: int) -> tuple[int, ...]:
        down, across = self["dilation_h"] * self.pitch, self["dilation_w"] * self["in_c"]
        return tuple(y * down + x * across for y in range(self["kernel_h"]) for x in range(taps))
