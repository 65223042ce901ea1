# SPDX-License-Identifier: Apache-2.0
"""DEPTH_TO_SPACE: groups of channels become squares of pixels."""

from __future__ import annotations

from intarsia.ir import Graph, Node
from intarsia.ops import _cases
from intarsia.ops._blocks import BlockAttrs, Blocks, block_move
from intarsia.ops._movement import Move, draw_input, same_type
from intarsia.ops.base import Draw, Shape


class DepthToSpace(Blocks):
    name = "DEPTH_TO_SPACE"
    unsigned = ""
    batchwise = True
    options_name = "DepthToSpaceOptionsT"

    def resize(self, shape: tuple[int, int, int, int], block: int) -> Shape:
        n, h, w, c = shape
        if c % (block * block):
            raise ValueError(f"{c} channels do not fill blocks of {block} x {block}")
        return n, h * block, w * block, c // (block * block)

    def moves(self, node: Node, graph: Graph) -> list[Move]:
        return [block_move(self.block(node), source_is_deep=True)]

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        block = draw.choice((2, 1, 3))
        shape = (
            draw.integer(1, 2),
            draw.integer(1, 4),
            draw.integer(1, 4),
            draw.integer(1, 3) * block * block,
        )
        x = draw_input(case, shape, ("int8", "float32", "int32"))
        return case.graph(self, [x], BlockAttrs(block), same_type(case, x))


OPERATOR = DepthToSpace()
