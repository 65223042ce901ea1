# SPDX-License-Identifier: Apache-2.0
"""Weights of 4 or 2 bits for mve/gemm.py: a group of channels at a time is unpacked to scratch, for many pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from intarsia_codegen.generated import SourceFile
from intarsia_codegen.mve import rows
from intarsia_codegen.mve.gemm import BLOCK_CHANNELS, STEP
from intarsia_codegen.mve.sources import shared

GROUP_BYTES = 5120
"""Scratch aimed at for the unpacked weights of a group; at least one block of four channels is."""
_BYTE = 7 / 32
"""Instructions to unpack a weight."""
_BLOCK = 35
"""Instructions of a block beside its weights."""


@dataclass(frozen=True, eq=False)
class Groups:
    """`blocks` of a product as they lie in flash; each has its vectors `before` and `after` its `products` weights.

    `size` blocks make a group, whose weights all have the same width: `bits` has that of each group.
    """

    data: np.ndarray
    blocks: int
    size: int
    bits: tuple[int, ...]
    before: int
    products: int
    after: int

    @staticmethod
    def of(packed: np.ndarray, widths: np.ndarray, products: int, *, before: int) -> Groups:
        """For `packed` blocks of int8 [blocks, bytes] and the widths of their channels [channels]."""
        blocks, length = packed.shape
        size = max(1, min(GROUP_BYTES // length, blocks))
        after = length - before - products
        bits, parts = [], []
        for first in range(0, blocks, size):
            group = packed[first : first + size]
            width = int(widths[first * BLOCK_CHANNELS : (first + size) * BLOCK_CHANNELS].max())
            narrow = _narrowed(group[:, before : before + products], width)
            parts.append(np.concatenate([group[:, :before], narrow, group[:, before + products :]], axis=1))
            bits.append(width)
        data = np.concatenate([part.reshape(-1) for part in parts])
        return Groups(data, blocks, size, tuple(bits), before, products, after)

    @property
    def room(self) -> int:
        """Bytes of an unpacked group."""
        return self.size * (self.before + self.products + self.after)

    @property
    def cost(self) -> float:
        """Instructions to unpack all groups once."""
        return self.blocks * (_BLOCK + self.products * _BYTE)


def sources() -> tuple[SourceFile, ...]:
    return (*shared("itr_mve_groups.h", "itr_mve_groups.c"), *rows.sources())


def _narrowed(products: np.ndarray, bits: int) -> np.ndarray:
    """int8 [blocks, bytes]: neighbouring vectors of weights share bytes, the first in the lowest bits."""
    if bits == 8:
        return products
    each = 8 // bits
    fields = products.reshape(len(products), -1, each, STEP).astype(np.uint8) & np.uint8((1 << bits) - 1)
    shifts = (np.arange(each, dtype=np.uint8) * np.uint8(bits))[:, None]
    joined: np.ndarray = np.bitwise_or.reduce(fields << shifts, axis=2).astype(np.uint8)
    return joined.view(np.int8).reshape(len(products), -1)
