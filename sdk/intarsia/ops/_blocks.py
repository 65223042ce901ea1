# SPDX-License-Identifier: Apache-2.0
"""What DEPTH_TO_SPACE and SPACE_TO_DEPTH share: blocks of pixels against groups of channels."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from intarsia.ir import Attrs, Graph, Node
from intarsia.ops._common import schema
from intarsia.ops._movement import Move, Movement
from intarsia.ops.base import Shape


@dataclass(frozen=True)
class BlockAttrs(Attrs):
    """`block`: edge of a square of pixels."""

    block: int = 2


class Blocks(Movement):
    """Base: one side of the move is wide in space, the other deep in channels."""

    attrs: ClassVar[type[Attrs]] = BlockAttrs
    options_name: ClassVar[str]
    half: ClassVar[bool] = False
    types: ClassVar[tuple[str, ...]] = ("int8", "uint8", "int32", "float32")
    narrow: ClassVar[bool] = False

    def parse(self, options: Any) -> BlockAttrs:
        return BlockAttrs(int(options.blockSize))

    def options(self, attrs: Attrs) -> Any:
        assert isinstance(attrs, BlockAttrs)
        options = getattr(schema(), self.options_name)()
        options.blockSize = attrs.block
        return options

    @abstractmethod
    def resize(self, shape: tuple[int, int, int, int], block: int) -> Shape:
        """Output shape. Raises ValueError when the blocks do not fit."""

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        shape = graph.required(node, 0).shape
        if len(shape) != 4:
            raise ValueError(f"needs a four-dimensional input, not {list(shape)}")
        if self.block(node) < 1:
            raise ValueError(f"block size {self.block(node)}")
        return [self.resize(shape, self.block(node))]

    def block(self, node: Node) -> int:
        assert isinstance(node.attrs, BlockAttrs)
        return node.attrs.block


def deep(array: np.ndarray, block: int) -> np.ndarray:
    """[N, H, W, block * block * C] as [N, H, block, W, block, C]."""
    n, h, w, c = array.shape
    return array.reshape(n, h, w, block, block, c // (block * block)).transpose(0, 1, 3, 2, 4, 5)


def wide(array: np.ndarray, block: int) -> np.ndarray:
    """[N, H * block, W * block, C] as [N, H, block, W, block, C]."""
    n, h, w, c = array.shape
    return array.reshape(n, h // block, block, w // block, block, c)


def block_move(block: int, *, source_is_deep: bool) -> Move:
    """Move between the deep and the wide side."""
    if source_is_deep:
        return Move(0, 0, lambda array: deep(array, block), lambda array: wide(array, block))
    return Move(0, 0, lambda array: wide(array, block), lambda array: deep(array, block))
