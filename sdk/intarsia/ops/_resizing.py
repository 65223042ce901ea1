# SPDX-License-Identifier: Apache-2.0
"""What RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR share: options, shapes and their checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from intarsia.ir import Attrs, Graph, Node
from intarsia.ops import _cases
from intarsia.ops._common import schema
from intarsia.ops._movement import draw_input, same_type, vector
from intarsia.ops.base import Draw, Operator, OutputRange, Shape

LARGEST = (1 << 15) - 1
"""Most rows or columns: kernels index them with int16."""


@dataclass(frozen=True)
class ResizeAttrs(Attrs):
    align_corners: bool = False
    half_pixel_centers: bool = False


class Resizing(Operator):
    """Base: NHWC in and out, the target height and width in a constant input."""

    attrs: ClassVar[type[Attrs]] = ResizeAttrs
    options_name: ClassVar[str]
    types: ClassVar[tuple[str, ...]]
    output_range: ClassVar[OutputRange] = OutputRange("input")

    def parse(self, options: Any) -> Attrs:
        return self.attrs(bool(options.alignCorners), bool(options.halfPixelCenters))  # type: ignore[call-arg]

    def options(self, attrs: Attrs) -> Any:
        assert isinstance(attrs, ResizeAttrs)
        options = getattr(schema(), self.options_name)()
        options.alignCorners, options.halfPixelCenters = attrs.align_corners, attrs.half_pixel_centers
        return options

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        attrs = node.attrs
        assert isinstance(attrs, ResizeAttrs)
        source, size = graph.required(node, 0), graph.required(node, 1)
        if source.dtype.name not in self.types or graph.output(node).dtype != source.dtype:
            return f"{source.dtype.name} input with {graph.output(node).dtype.name} output"
        if not size.is_constant:
            return f"the output size ('{size.name}') must be constant"
        if attrs.align_corners and attrs.half_pixel_centers:
            return "align_corners together with half_pixel_centers"
        return None

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        shape = graph.required(node, 0).shape
        if len(shape) != 4:
            raise ValueError(f"needs a four-dimensional input, not {list(shape)}")
        height, width = vector(graph, node, 1, 2)
        if min(height, width, *shape) < 1 or max(height, width, *shape[1:3]) > LARGEST:
            raise ValueError(f"cannot resize {list(shape)} to {height} x {width}")
        return [(shape[0], height, width, shape[3])]

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        shape = (draw.choice((1, 2)), draw.integer(1, 8), draw.integer(1, 8), draw.integer(1, 5))
        x = draw_input(case, shape, self.types)
        size = np.array([draw.integer(1, 17), draw.integer(1, 17)], np.int32)
        modes = ((False, False), (True, False), (False, True))
        attrs = self.attrs(*draw.choice(modes))
        return case.graph(self, [x, case.constant(size)], attrs, same_type(case, x))


def float_scale(size: int, out: int, align_corners: bool) -> np.float32:
    """Input steps per output step of one axis, in float32 as the reference computes it."""
    if align_corners and out > 1:
        return np.float32(size - 1) / np.float32(out - 1)
    return np.float32(size) / np.float32(out)
