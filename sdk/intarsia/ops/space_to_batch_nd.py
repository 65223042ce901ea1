# SPDX-License-Identifier: Apache-2.0
"""SPACE_TO_BATCH_ND: pixels of one phase of a grid become an image of the batch, after borders of zeros."""

from __future__ import annotations

from intarsia.dtypes import INT32
from intarsia.ir import Attrs, Graph, Node
from intarsia.ops import _cases
from intarsia.ops._movement import Move, draw_input, draw_shape, same_type
from intarsia.ops._space_batch import Index, SpaceBatch, as_int32, draw_block, phases
from intarsia.ops.base import Draw, Shape


class SpaceToBatch(SpaceBatch):
    name = "SPACE_TO_BATCH_ND"
    unsigned = ""
    options_name = "SpaceToBatchNDOptionsT"

    def resize(self, shape: Shape, block: tuple[int, ...], pairs: list[tuple[int, int]]) -> Shape:
        batch, spatial = shape[0], []
        for extent, edge, pair in zip(shape[1:-1], block, pairs, strict=True):
            if (extent + sum(pair)) % edge:
                raise ValueError(f"{extent} cells and borders {pair} do not fill blocks of {edge}")
            spatial.append((extent + sum(pair)) // edge)
            batch *= edge
        return (batch, *spatial, shape[-1])

    def background(self, node: Node, graph: Graph) -> int | float | None:
        output = graph.output(node)
        quantized = output.quant is not None and output.dtype.bytes < INT32.bytes
        return output.zero_point if quantized else 0

    def moves(self, node: Node, graph: Graph) -> list[Move]:
        shape, (out,) = graph.required(node, 0).shape, self.infer(node, graph)
        before = [first for first, _ in self.pairs(node, graph)]
        return [_move(*indices) for indices in phases(shape, out, self.block(node, graph), before)]

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        rank = draw.choice((4, 4, 3))
        shape, block = draw_shape(draw, rank), draw_block(draw, rank)
        pairs = []
        for extent, edge in zip(shape[1:-1], block, strict=True):
            before = draw.integer(0, edge)
            pairs.append([before, -(extent + before) % edge])
        x = draw_input(case, shape, ("int8", "float32", "int32"))
        inputs = [x, case.constant(as_int32(block)), case.constant(as_int32(pairs))]
        return case.graph(self, inputs, Attrs(), same_type(case, x))


def _move(wide: Index, deep: Index) -> Move:
    return Move(0, 0, take=lambda array: array[wide], put=lambda array: array[deep])


OPERATOR = SpaceToBatch()
