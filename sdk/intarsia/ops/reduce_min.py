# SPDX-License-Identifier: Apache-2.0
"""REDUCE_MIN: the smallest value over any axes, int8, int16 and float32."""

from __future__ import annotations

import numpy as np

from intarsia.ir import Graph, Node
from intarsia.ops._extreme_reduction import ExtremeReduction


class ReduceMin(ExtremeReduction):
    name = "REDUCE_MIN"
    unsigned = ""
    batchwise = True

    def reduced(self, node: Node, graph: Graph, rows: np.ndarray) -> np.ndarray:
        result: np.ndarray = rows.min(axis=0)
        return result


OPERATOR = ReduceMin()
