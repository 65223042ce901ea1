# SPDX-License-Identifier: Apache-2.0
"""MIRROR_PAD: borders that mirror the input, its outermost cells left out (REFLECT) or included (SYMMETRIC)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from intarsia.ir import Attrs, Graph, Node
from intarsia.ops import _cases
from intarsia.ops._common import schema
from intarsia.ops._movement import Move, draw_input, draw_shape, same_type
from intarsia.ops._padding import Padding
from intarsia.ops.base import Draw, Field, Shape

Mode = Literal["REFLECT", "SYMMETRIC"]
MODES: tuple[Mode, ...] = ("REFLECT", "SYMMETRIC")


@dataclass(frozen=True)
class MirrorPadAttrs(Attrs):
    mode: Mode = "REFLECT"


class MirrorPad(Padding):
    name = "MIRROR_PAD"
    unsigned = ""
    batchwise = True
    attrs = MirrorPadAttrs
    narrow: ClassVar[bool] = False

    def parse(self, options: Any) -> MirrorPadAttrs:
        if not 0 <= options.mode < len(MODES):
            raise ValueError(f"mode {options.mode} is unknown")
        return MirrorPadAttrs(MODES[options.mode])

    def options(self, attrs: Attrs) -> Any:
        assert isinstance(attrs, MirrorPadAttrs)
        options = schema().MirrorPadOptionsT()
        options.mode = MODES.index(attrs.mode)
        return options

    def edge(self, node: Node) -> int:
        """Cells at the border that are left out of the mirror image."""
        assert isinstance(node.attrs, MirrorPadAttrs)
        return 1 if node.attrs.mode == "REFLECT" else 0

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        shape, edge = graph.required(node, 0).shape, self.edge(node)
        for extent, pair in zip(shape, self.paddings(node, graph), strict=True):
            if max(pair) > extent - edge:
                raise ValueError(f"{max(pair)} cells cannot be mirrored from {extent}")
        return super().infer(node, graph)

    def receptive_field(self, node: Node, graph: Graph) -> tuple[Field, Field] | None:
        """A mirror image is not made from the cells around."""
        return None

    def moves(self, node: Node, graph: Graph) -> list[Move]:
        """One copy for the inside and for each border, edge and corner."""
        shape, edge = graph.required(node, 0).shape, self.edge(node)
        axes = []
        for extent, (before, behind) in zip(shape, self.paddings(node, graph), strict=True):
            parts = [(slice(0, extent), slice(before, before + extent))]
            if before:
                parts.append((reverse(edge, before), slice(0, before)))
            if behind:
                start = extent - edge - behind
                parts.append((reverse(start, behind), slice(before + extent, before + extent + behind)))
            axes.append(parts)
        return [_move(parts) for parts in itertools.product(*axes)]

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        mode, rank = draw.choice(MODES), draw.choice((4, 1, 2, 3))
        shape = tuple(n + 1 for n in draw_shape(draw, rank, 3))
        most = [n - (mode == "REFLECT") for n in shape]
        paddings = [[draw.integer(0, m), draw.integer(0, m)] for m in most]
        x = draw_input(case, shape, ("int8", "float32", "int32"))
        inputs = [x, case.constant(np.array(paddings, np.int32))]
        return case.graph(self, inputs, MirrorPadAttrs(mode), same_type(case, x))


def reverse(start: int, count: int) -> slice:
    """`count` indices from start + count - 1 down to `start`."""
    return slice(start + count - 1, start - 1 if start else None, -1)


def _move(parts: tuple[tuple[slice, slice], ...]) -> Move:
    source, target = tuple(s for s, _ in parts), tuple(t for _, t in parts)
    return Move(0, 0, take=lambda array: array[source], put=lambda array: array[target])


OPERATOR = MirrorPad()
