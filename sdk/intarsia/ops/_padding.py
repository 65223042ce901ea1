# SPDX-License-Identifier: Apache-2.0
"""What PAD and PADV2 share."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from intarsia.ir import Attrs, Graph, Node
from intarsia.ops._common import schema
from intarsia.ops._movement import Move, Movement, draw_shape
from intarsia.ops.base import Draw, Field, Pads, Shape


class Padding(Movement):
    """Base: the input lands inside an output that is filled first."""

    constants: ClassVar[tuple[int, ...]] = (1,)
    max_rank: ClassVar[int] = 5

    def options(self, attrs: Attrs) -> Any:
        return getattr(schema(), {"PAD": "PadOptionsT", "PADV2": "PadV2OptionsT"}[self.name])()

    def paddings(self, node: Node, graph: Graph) -> list[tuple[int, int]]:
        """Cells before and behind each axis. Raises ValueError when there are too few, or negative ones."""
        rank, data = len(graph.required(node, 0).shape), graph.constant(node, 1)
        if data.shape != (rank, 2):
            raise ValueError(f"paddings of shape {list(data.shape)} for an input of {rank} dimensions")
        pairs = [(int(before), int(behind)) for before, behind in data]
        if any(min(pair) < 0 for pair in pairs):
            raise ValueError("paddings are negative")
        return pairs

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        shape = graph.required(node, 0).shape
        return [tuple(e + sum(pair) for e, pair in zip(shape, self.paddings(node, graph), strict=True))]

    def receptive_field(self, node: Node, graph: Graph) -> tuple[Field, Field] | None:
        shape, pairs = graph.required(node, 0).shape, self.paddings(node, graph)
        if len(shape) != 4 or shape[0] != 1 or any(pairs[0]):
            return None
        return Field(before=pairs[1][0]), Field(before=pairs[2][0])

    def localized(self, node: Node, graph: Graph, pads: Pads) -> tuple[Attrs, dict[int, np.ndarray]]:
        if min(pads) < 0:
            raise ValueError(f"borders of {pads} are negative")
        data = graph.constant(node, 1).copy()
        data[1], data[2] = pads[:2], pads[2:]
        return node.attrs, {1: data}

    def moves(self, node: Node, graph: Graph) -> list[Move]:
        shape = graph.required(node, 0).shape
        index = tuple(
            slice(before, before + extent)
            for extent, (before, _) in zip(shape, self.paddings(node, graph), strict=True)
        )
        return [Move(0, 0, put=lambda array: array[index])]


def draw_paddings(draw: Draw) -> tuple[Shape, np.ndarray]:
    """A shape and int32 paddings for it."""
    shape = draw_shape(draw, draw.choice((4, 1, 2, 3, 5)), 4)
    return shape, np.array([[draw.integer(0, 2), draw.integer(0, 2)] for _ in shape], np.int32)
