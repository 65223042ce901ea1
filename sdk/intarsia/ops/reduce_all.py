# SPDX-License-Identifier: Apache-2.0
"""REDUCE_ALL: whether all of the values along some axes are true, bool."""

from __future__ import annotations

import numpy as np

from intarsia.ir import Graph, Node
from intarsia.ops._logical import LogicalReduction


class ReduceAll(LogicalReduction):
    name = "REDUCE_ALL"
    batchwise = True

    def reduced(self, node: Node, graph: Graph, rows: np.ndarray) -> np.ndarray:
        result: np.ndarray = np.logical_and.reduce(rows, axis=0)
        return result


OPERATOR = ReduceAll()
