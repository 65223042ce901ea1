# SPDX-License-Identifier: Apache-2.0
"""SPACE_TO_DEPTH: squares of pixels become groups of channels."""

from __future__ import annotations

from intarsia.ir import Graph, Node
from intarsia.ops import _cases
from intarsia.ops._blocks import BlockAttrs, Blocks, block_move
from intarsia.ops._movement import Move, draw_input, same_type
from intarsia.ops.base import Draw, Shape


class SpaceToDepth(Blocks):
    name = "SPACE_TO_DEPTH"
    unsigned = ""
    batchwise = True
    options_name = "SpaceToDepthOptionsT"

    def resize(self, shape: tuple[int, int, int, int], block: int) -> Shape:
        n, h, w, c = shape
        if h % block or w % block:
            raise ValueError(f"{h} x {w} pixels are not whole blocks of {block} x {block}")
        return n, h // block, w // block, c * block * block

    def moves(self, node: Node, graph: Graph) -> list[Move]:
        return [block_move(self.block(node), source_is_deep=False)]

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        block = draw.choice((2, 1, 3))
        shape = (
            draw.integer(1, 2),
            draw.integer(1, 4) * block,
            draw.integer(1, 4) * block,
            draw.integer(1, 3),
        )
        x = draw_input(case, shape, ("int8", "float32", "int32"))
        return case.graph(self, [x], BlockAttrs(block), same_type(case, x))


OPERATOR = SpaceToDepth()
