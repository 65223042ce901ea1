# SPDX-License-Identifier: Apache-2.0
"""Windows of convolutions and poolings: kernel, strides, dilations and pads of one or two spatial axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from intarsia.importers.onnx.call import Call, Refused
from intarsia.ops._common import EXPLICIT, PaddingMode, Window

Pair = tuple[int, int]
AUTOMATIC = ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")


@dataclass(frozen=True)
class Windows:
    """Rows and columns; a network of one spatial axis has windows of one row. `pads`: above, below, left, right."""

    size: Pair
    stride: Pair
    dilation: Pair
    pads: tuple[int, int, int, int]

    def padding(self, extent: Sequence[int]) -> tuple[PaddingMode, tuple[int, ...]]:
        """(padding, explicit pads) for an input of so many rows and columns: SAME or VALID where that is the same.

        Raises ValueError when no window fits.
        """
        if not any(self.pads):
            return "VALID", ()
        for axis in (0, 1):
            before, behind = self.pads[2 * axis : 2 * axis + 2]
            args = (extent[axis], self.size[axis], self.stride[axis], self.dilation[axis])
            same, own = Window.of(*args, "SAME"), Window.bordered(*args, (before, behind))
            if same != own:
                return EXPLICIT, self.pads
        return "SAME", ()


def pair(values: Sequence[int], what: str) -> Pair:
    """Values of two axes; of one, with 1 for rows. Raises Refused."""
    if len(values) == 2:
        return int(values[0]), int(values[1])
    if len(values) == 1:
        return 1, int(values[0])
    raise Refused(f"{what} of {len(values)} spatial axes; 1 and 2 are supported")


def windows(call: Call, size: Sequence[int], extent: Sequence[int]) -> Windows:
    """The windows of a node with kernels of `size` over `extent`. Raises Refused."""
    count = len(size)
    stride = call.vector("strides", [1] * count)
    dilation = call.vector("dilations", [1] * count)
    if not len(stride) == len(dilation) == len(extent) == count:
        raise Refused("strides and dilations do not have the number of its spatial axes")
    if min(*stride, *dilation, *size) < 1:
        raise Refused("sizes, strides and dilations must be positive")
    before, behind = pads(call, size, stride, dilation, extent)
    pairs = list(zip(before, behind, strict=True))
    rows, columns = pairs if count == 2 else [(0, 0), pairs[0]]
    return Windows(
        pair(size, "windows"), pair(stride, "strides"), pair(dilation, "dilations"), (*rows, *columns)
    )


def pads(
    call: Call, size: Sequence[int], stride: Sequence[int], dilation: Sequence[int], extent: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Pads before and behind each spatial axis. Raises Refused."""
    count, kind = len(size), call.text("auto_pad", "NOTSET")
    if kind not in AUTOMATIC:
        raise Refused(f"auto_pad '{kind}'")
    if kind == "NOTSET":
        stated = call.vector("pads", [0] * (2 * count))
        if len(stated) != 2 * count or min(stated) < 0:
            raise Refused(f"pads {list(stated)}")
        return list(stated[:count]), list(stated[count:])
    if kind == "VALID":
        return [0] * count, [0] * count
    before, behind = [], []
    for n, k, s, d in zip(extent, size, stride, dilation, strict=True):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        less = total // 2
        before.append(less if kind == "SAME_UPPER" else total - less)
        behind.append(total - less if kind == "SAME_UPPER" else less)
    return before, behind
