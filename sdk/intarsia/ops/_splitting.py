# SPDX-License-Identifier: Apache-2.0
"""What SPLIT and SPLIT_V share: parts of one input along an axis."""

from __future__ import annotations

from abc import abstractmethod
from itertools import accumulate

from intarsia.ir import Graph, Node
from intarsia.ops._movement import Move, Movement, cut
from intarsia.ops.base import Shape


class Splitting(Movement):
    """Base; subclasses say along which axis and how large the parts are."""

    max_rank = 5

    @abstractmethod
    def parts(self, node: Node, graph: Graph) -> tuple[int, list[int]]:
        """The axis and the extent of each part along it. Raises ValueError when they do not fit the input."""

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        shape = graph.required(node, self.data).shape
        axis, sizes = self.parts(node, graph)
        return [(*shape[:axis], size, *shape[axis + 1 :]) for size in sizes]

    def moves(self, node: Node, graph: Graph) -> list[Move]:
        rank = len(graph.required(node, self.data).shape)
        axis, sizes = self.parts(node, graph)
        starts = accumulate(sizes, initial=0)
        return [
            Move(self.data, position, take=cut(rank, axis, start, start + size))
            for position, (start, size) in enumerate(zip(starts, sizes, strict=False))
        ]
