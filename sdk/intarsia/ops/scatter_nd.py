# SPDX-License-Identifier: Apache-2.0
"""SCATTER_ND: parts of the input put at constant places of zeros, float32 and int32.

Inputs: places [..., depth] (the first `depth` axes of the output), parts, shape of the output.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from intarsia.ir import Attrs, Graph, Node
from intarsia.ops import _cases
from intarsia.ops._common import schema
from intarsia.ops._movement import Move, Movement, draw_input, draw_shape, same_type
from intarsia.ops.base import Draw, Shape

MAX_PLACES = 256
"""Parts, each of which is a copy of its own."""


class ScatterNd(Movement):
    name = "SCATTER_ND"
    data = 1
    constants = (0, 2)
    types = ("float32", "int32")
    narrow = False
    half = False

    def options(self, attrs: Attrs) -> Any:
        return schema().ScatterNdOptionsT()

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        if reason := super().unsupported(node, graph):
            return reason
        places = graph.constant(node, 0)
        if len(self._places(node, graph)) > MAX_PLACES:
            return f"{len(self._places(node, graph))} places; up to {MAX_PLACES} are supported"
        if len(np.unique(self._places(node, graph), axis=0)) < len(self._places(node, graph)):
            return f"places {list(places.shape)} that are written twice, which adds"
        return None

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        """Raises ValueError when places, parts and output do not fit together."""
        wanted = tuple(int(n) for n in graph.constant(node, 2).reshape(-1))
        places, parts = graph.constant(node, 0), graph.required(node, 1).shape
        if places.ndim < 1 or not 0 < places.shape[-1] <= len(wanted) or min(wanted, default=0) < 1:
            raise ValueError(f"places {list(places.shape)} in an output of {list(wanted)}")
        depth = places.shape[-1]
        if parts != (*places.shape[:-1], *wanted[depth:]):
            raise ValueError(f"parts {list(parts)} at places {list(places.shape)} of {list(wanted)}")
        if (places < 0).any() or (places >= np.array(wanted[:depth])).any():
            raise ValueError(f"places beyond an output of {list(wanted)}")
        return [wanted]

    def _places(self, node: Node, graph: Graph) -> np.ndarray:
        """[parts, depth]."""
        places = graph.constant(node, 0)
        return places.reshape(-1, places.shape[-1])

    def background(self, node: Node, graph: Graph) -> int:
        return 0

    def moves(self, node: Node, graph: Graph) -> list[Move]:
        (wanted,) = self.infer(node, graph)
        places = self._places(node, graph)
        inner = wanted[places.shape[1] :]
        return [
            Move(1, 0, take=_part(len(places), inner, number), put=_place(tuple(int(i) for i in place)))
            for number, place in enumerate(places)
        ]

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        wanted = draw_shape(draw, draw.integer(1, 4), 4)
        depth = draw.integer(1, len(wanted))
        cells = int(np.prod(wanted[:depth]))
        chosen = np.unique(draw.array((draw.integer(1, 6),), 0, cells - 1))[::-1]
        places = np.stack(np.unravel_index(chosen, wanted[:depth]), axis=-1).astype(np.int32)
        parts = draw_input(case, (len(chosen), *wanted[depth:]), self.types)
        inputs = [case.constant(places), parts, case.constant(np.array(wanted, np.int32))]
        return case.graph(self, inputs, Attrs(), same_type(case, parts))


def _part(count: int, inner: Shape, number: int) -> Any:
    return lambda array: array.reshape(count, *inner)[number : number + 1].reshape(inner or (1,))


def _place(place: tuple[int, ...]) -> Any:
    def put(array: np.ndarray) -> np.ndarray:
        found = array[tuple(slice(i, i + 1) for i in place)]
        inner = array.shape[len(place) :]
        return found.reshape(inner or (1,))

    return put


OPERATOR = ScatterNd()
