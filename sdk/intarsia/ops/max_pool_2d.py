# SPDX-License-Identifier: Apache-2.0
"""MAX_POOL_2D: int8, int16 and float32."""

from __future__ import annotations

import numpy as np

from intarsia.ir import Graph, Node
from intarsia.ops._pooling import Pool
from intarsia.ops.base import Values


class MaxPool2D(Pool):
    name = "MAX_POOL_2D"
    unsigned = ""
    batchwise = True

    def reference(self, node: Node, graph: Graph, values: Values) -> list[np.ndarray]:
        x = values[0]
        assert x is not None
        lowest = -np.inf if x.dtype.kind == "f" else graph.required(node, 0).dtype.range[0]
        largest = self.geometry(node, graph).windows(x, lowest).max(axis=(3, 4))
        return [self.finish(node, graph, largest)]


OPERATOR = MaxPool2D()
