# SPDX-License-Identifier: Apache-2.0
"""REDUCE_ANY: whether any of the values along some axes is true, bool."""

from __future__ import annotations

import numpy as np

from intarsia.ir import Graph, Node
from intarsia.ops._logical import LogicalReduction


class ReduceAny(LogicalReduction):
    name = "REDUCE_ANY"
    batchwise = True

    def reduced(self, node: Node, graph: Graph, rows: np.ndarray) -> np.ndarray:
        result: np.ndarray = np.logical_or.reduce(rows, axis=0)
        return result


OPERATOR = ReduceAny()
