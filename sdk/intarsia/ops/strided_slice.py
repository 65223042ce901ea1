# SPDX-License-Identifier: Apache-2.0
"""STRIDED_SLICE: numpy slicing with TFLite's masks for open ends, dropped, new and skipped axes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from types import EllipsisType
from typing import Any, ClassVar

import numpy as np

from intarsia.ir import Attrs, Graph, Node
from intarsia.ops import _cases
from intarsia.ops._common import schema
from intarsia.ops._movement import Move, Movement, draw_input, draw_shape, same_type, vector
from intarsia.ops.base import Draw, Shape

Part = slice | int | None | EllipsisType


@dataclass(frozen=True)
class StridedSliceAttrs(Attrs):
    """Bit i of a mask is about entry i of begins, ends and strides; `offset`: ends count from the begins."""

    begin_mask: int = 0
    end_mask: int = 0
    ellipsis_mask: int = 0
    new_axis_mask: int = 0
    shrink_axis_mask: int = 0
    offset: bool = False


class StridedSlice(Movement):
    name = "STRIDED_SLICE"
    unsigned = ""
    batchwise = True
    attrs = StridedSliceAttrs
    constants: ClassVar[tuple[int, ...]] = (1, 2, 3)
    max_rank: ClassVar[int] = 5

    def parse(self, options: Any) -> StridedSliceAttrs:
        return StridedSliceAttrs(
            int(options.beginMask),
            int(options.endMask),
            int(options.ellipsisMask),
            int(options.newAxisMask),
            int(options.shrinkAxisMask),
            bool(getattr(options, "offset", False)),
        )

    def options(self, attrs: Attrs) -> Any:
        assert isinstance(attrs, StridedSliceAttrs)
        options = schema().StridedSliceOptionsT()
        options.beginMask, options.endMask = attrs.begin_mask, attrs.end_mask
        options.ellipsisMask, options.newAxisMask = attrs.ellipsis_mask, attrs.new_axis_mask
        options.shrinkAxisMask, options.offset = attrs.shrink_axis_mask, attrs.offset
        return options

    def index(self, node: Node, graph: Graph) -> tuple[Part, ...]:
        """The numpy index. Raises ValueError when it does not fit the input."""
        attrs = node.attrs
        assert isinstance(attrs, StridedSliceAttrs)
        shape = graph.required(node, 0).shape
        count = graph.constant(node, 1).size
        begins, ends, steps = (vector(graph, node, position, count) for position in (1, 2, 3))
        parts: list[Part] = []
        axis = 0
        for i in range(count):
            if attrs.ellipsis_mask >> i & 1:
                skipped = len(shape) - _consumed(attrs, count)
                if skipped < 1:
                    raise ValueError("an ellipsis that stands for no axis")
                parts.append(Ellipsis)
                axis += skipped
            elif attrs.new_axis_mask >> i & 1:
                parts.append(None)
            else:
                if axis >= len(shape):
                    raise ValueError(f"slices more axes than the input of {list(shape)} has")
                parts.append(_part(attrs, i, shape[axis], begins[i], ends[i], steps[i]))
                axis += 1
        return tuple(parts)

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        attrs = node.attrs
        assert isinstance(attrs, StridedSliceAttrs)
        if attrs.ellipsis_mask.bit_count() > 1:
            return "more than one ellipsis"
        if attrs.offset:
            return "ends that count from the begins (option offset)"
        masks = (attrs.ellipsis_mask, attrs.new_axis_mask, attrs.shrink_axis_mask)
        if any(a & b for a, b in combinations(masks, 2)):
            return "an entry that is two of ellipsis, new axis and dropped axis"
        return super().unsupported(node, graph)

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        probe = np.broadcast_to(np.uint8(0), graph.required(node, 0).shape)
        result = probe[self.index(node, graph)].shape
        if 0 in result:
            raise ValueError(f"takes nothing of an input of {list(probe.shape)}")
        return [result]

    def moves(self, node: Node, graph: Graph) -> list[Move]:
        index = self.index(node, graph)
        index = index if Ellipsis in index else (*index, Ellipsis)
        return [Move(0, 0, take=lambda array: array[index])]

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        rank = draw.choice((4, 1, 2, 3, 5))
        shape = draw_shape(draw, rank, 6)
        bounds = [
            _draw_bounds(draw, extent) for extent in shape[: draw.choice((rank, draw.integer(1, rank)))]
        ]
        masks = [draw.choice((0, draw.integer(0, (1 << len(bounds)) - 1))) for _ in range(2)]
        shrink = 0
        for i, (extent, (begin, _, _)) in enumerate(zip(shape, bounds, strict=False)):
            if -extent <= begin < extent and draw.choice((False, False, True)):
                shrink |= 1 << i
                bounds[i] = (begin, begin + 1, 1)
                masks = [mask & ~(1 << i) for mask in masks]
        new_axis = 0
        if rank < self.max_rank and draw.choice((False, False, True)):
            bounds.append((0, 1, 1))
            new_axis = 1 << len(bounds) - 1
        x = draw_input(case, shape, ("int8", "float32", "int32", "int16"))
        inputs = [x, *(case.constant(np.array(column, np.int32)) for column in zip(*bounds, strict=True))]
        attrs = StridedSliceAttrs(masks[0], masks[1], 0, new_axis, shrink)
        return case.graph(self, inputs, attrs, same_type(case, x))


def _consumed(attrs: StridedSliceAttrs, count: int) -> int:
    """Input axes that entries other than the ellipsis take."""
    return sum(not (attrs.ellipsis_mask | attrs.new_axis_mask) >> i & 1 for i in range(count))


def _part(attrs: StridedSliceAttrs, i: int, extent: int, begin: int, end: int, step: int) -> Part:
    """Index of one input axis."""
    if step == 0:
        raise ValueError(f"stride {i} is 0")
    if attrs.shrink_axis_mask >> i & 1:
        position = begin + extent if begin < 0 else begin
        if attrs.begin_mask >> i & 1:
            position = 0
        if step < 0:
            raise ValueError(f"stride {step} of a dropped axis")
        if not 0 <= position < extent:
            raise ValueError(f"index {begin} is outside an axis of extent {extent}")
        return position
    first, last = attrs.begin_mask >> i & 1, attrs.end_mask >> i & 1
    return slice(None if first else begin, None if last else end, step)


def _draw_bounds(draw: Draw, extent: int) -> tuple[int, int, int]:
    """Begin, end and stride that leave at least one element of an axis, whatever the masks say."""
    step = draw.choice((1, 2, -1, -2, 3))
    first, last = sorted((draw.integer(0, extent - 1), draw.integer(0, extent - 1)))
    if step < 0:
        first, last = last, first
    end = last + (1 if step > 0 else -1)
    begin = draw.choice((first, first - extent))
    if end < 0:
        return begin, -extent - 1, step
    return begin, draw.choice((end, end - extent if end < extent else end + 2)), step


OPERATOR = StridedSlice()
