# SPDX-License-Identifier: Apache-2.0
"""What SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND share: pixels of one phase of a grid against images of a batch."""

from __future__ import annotations

import itertools
import math
from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np

from intarsia.ir import Attrs, Graph, Node
from intarsia.ops._common import schema
from intarsia.ops._movement import Movement, vector
from intarsia.ops.base import Shape


class SpaceBatch(Movement):
    """Inputs: feature map [N, spatial..., C]; constant block shape and pairs (before, behind) per spatial axis."""

    constants: ClassVar[tuple[int, ...]] = (1, 2)
    narrow: ClassVar[bool] = False
    max_rank: ClassVar[int] = 4
    options_name: ClassVar[str]

    def options(self, attrs: Attrs) -> Any:
        return getattr(schema(), self.options_name)()

    def block(self, node: Node, graph: Graph) -> tuple[int, ...]:
        """Edges of a block. Raises ValueError when they are not one or two positive numbers for the spatial axes."""
        rank = len(graph.required(node, 0).shape)
        if rank not in (3, 4):
            raise ValueError(f"needs an input of 3 or 4 dimensions, not {rank}")
        block = vector(graph, node, 1, rank - 2)
        if min(block) < 1:
            raise ValueError(f"block shape {list(block)}")
        return block

    def pairs(self, node: Node, graph: Graph) -> list[tuple[int, int]]:
        """Cells added or cut off before and behind each spatial axis. Raises ValueError for others than pairs >= 0."""
        data = graph.constant(node, 2)
        if data.shape != (len(self.block(node, graph)), 2) or data.min(initial=0) < 0:
            raise ValueError(f"borders {data.tolist()}")
        return [(int(before), int(behind)) for before, behind in data]

    @abstractmethod
    def resize(self, shape: Shape, block: tuple[int, ...], pairs: list[tuple[int, int]]) -> Shape:
        """Output shape. Raises ValueError when the blocks do not fit."""

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        return [self.resize(graph.required(node, 0).shape, self.block(node, graph), self.pairs(node, graph))]


Index = tuple[slice, ...]


def phases(wide: Shape, deep: Shape, block: tuple[int, ...], before: list[int]) -> list[tuple[Index, Index]]:
    """Indices of the wide map and of the deep one that hold the same pixels, one pair for each phase that has any.

    Cell q of phase p along a spatial axis is the wide cell q * block + p - before.
    """
    images = min(wide[0], deep[0])
    found = []
    for number, phase in enumerate(itertools.product(*(range(edge) for edge in block))):
        wide_index, deep_index = [slice(0, images)], [slice(number * images, (number + 1) * images)]
        for axis, (edge, offset, start) in enumerate(zip(block, phase, before, strict=True), 1):
            first = max(0, -((offset - start) // edge))
            last = min(deep[axis], math.ceil((wide[axis] - offset + start) / edge))
            origin = first * edge + offset - start
            wide_index.append(slice(origin, origin + max(last - first - 1, 0) * edge + 1, edge))
            deep_index.append(slice(first, last))
            if last <= first:
                break
        else:
            found.append((tuple(wide_index), tuple(deep_index)))
    return found


def draw_block(draw: Any, rank: int) -> tuple[int, ...]:
    """A random block shape for an input of that rank."""
    return tuple(draw.integer(1, 3) for _ in range(rank - 2))


def as_int32(values: Any) -> np.ndarray:
    return np.array(values, np.int32)
