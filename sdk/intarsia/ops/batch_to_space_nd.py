# SPDX-License-Identifier: Apache-2.0
"""BATCH_TO_SPACE_ND: images of a batch become phases of a grid of pixels, whose borders are cut off."""

from __future__ import annotations

import math

from intarsia.ir import Attrs, Graph, Node
from intarsia.ops import _cases
from intarsia.ops._movement import Move, draw_input, draw_shape, same_type
from intarsia.ops._space_batch import Index, SpaceBatch, as_int32, draw_block, phases
from intarsia.ops.base import Draw, Shape


class BatchToSpace(SpaceBatch):
    name = "BATCH_TO_SPACE_ND"
    unsigned = ""
    options_name = "BatchToSpaceNDOptionsT"

    def resize(self, shape: Shape, block: tuple[int, ...], pairs: list[tuple[int, int]]) -> Shape:
        if shape[0] % math.prod(block):
            raise ValueError(f"{shape[0]} images do not fill blocks of {list(block)}")
        spatial = [
            extent * edge - sum(pair) for extent, edge, pair in zip(shape[1:-1], block, pairs, strict=True)
        ]
        if min(spatial) < 1:
            raise ValueError(f"borders {pairs} leave nothing")
        return (shape[0] // math.prod(block), *spatial, shape[-1])

    def moves(self, node: Node, graph: Graph) -> list[Move]:
        shape, (out,) = graph.required(node, 0).shape, self.infer(node, graph)
        before = [first for first, _ in self.pairs(node, graph)]
        return [_move(*indices) for indices in phases(out, shape, self.block(node, graph), before)]

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        rank = draw.choice((4, 4, 3))
        shape, block = list(draw_shape(draw, rank, 4)), draw_block(draw, rank)
        shape[0] = math.prod(block) * draw.integer(1, 2)
        pairs = []
        for extent, edge in zip(shape[1:-1], block, strict=True):
            before = draw.integer(0, min(edge, extent * edge - 1))
            pairs.append([before, draw.integer(0, min(edge, extent * edge - 1 - before))])
        x = draw_input(case, shape, ("int8", "float32", "int32"))
        inputs = [x, case.constant(as_int32(block)), case.constant(as_int32(pairs))]
        return case.graph(self, inputs, Attrs(), same_type(case, x))


def _move(wide: Index, deep: Index) -> Move:
    return Move(0, 0, take=lambda array: array[deep], put=lambda array: array[wide])


OPERATOR = BatchToSpace()
