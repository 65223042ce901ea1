# SPDX-License-Identifier: Apache-2.0
"""AVERAGE_POOL_2D: int8, int16 and float32. Cells outside the input count neither in the sum nor in the divisor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from intarsia.ir import Graph, Node
from intarsia.ops._pooling import Pool, PoolAttrs
from intarsia.ops.base import Values


@dataclass(frozen=True)
class AveragePoolAttrs(PoolAttrs):
    """`unsigned_rounding`: ties are rounded up, as unsigned codes are (models that were uint8)."""

    unsigned_rounding: bool = False


class AveragePool2D(Pool):
    """int8 averages of codes round to nearest, ties away from code 0 (not from real 0)."""

    name = "AVERAGE_POOL_2D"
    unsigned = "unsigned_rounding"
    batchwise = True
    attrs = AveragePoolAttrs

    def reference(self, node: Node, graph: Graph, values: Values) -> list[np.ndarray]:
        x = values[0]
        assert x is not None
        g = self.geometry(node, graph)
        ones = np.ones((1, g.in_h, g.in_w, 1), np.int64)
        count = np.broadcast_to(ones, x.shape)
        cells = g.windows(count, 0).sum(axis=(3, 4))
        if x.dtype.kind == "f":
            average = self._ordered_sum(g.windows(x.astype(np.float32), 0.0)) / cells.astype(np.float32)
        else:
            offset = self.extra_params(node, graph)["offset"]
            total = g.windows(x.astype(np.int64), 0).sum(axis=(3, 4)) + offset * cells
            average = np.sign(total) * ((np.abs(total) + cells // 2) // cells) - offset
        return [self.finish(node, graph, average)]

    @staticmethod
    def _ordered_sum(windows: np.ndarray) -> np.ndarray:
        """Sums of windows [N, out_h, out_w, kernel_h, kernel_w, C], row by row in float32."""
        total = np.zeros_like(windows[:, :, :, 0, 0])
        for ky in range(windows.shape[3]):
            for kx in range(windows.shape[4]):
                total = total + windows[:, :, :, ky, kx]
        return total

    def extra_params(self, node: Node, graph: Graph) -> dict[str, int]:
        assert isinstance(node.attrs, AveragePoolAttrs)
        return {"offset": -graph.required(node, 0).dtype.range[0] if node.attrs.unsigned_rounding else 0}


OPERATOR = AveragePool2D()
