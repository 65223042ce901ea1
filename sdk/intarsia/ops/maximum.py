# SPDX-License-Identifier: Apache-2.0
"""MAXIMUM: int8, int16 and float32, with broadcasting."""

from __future__ import annotations

import numpy as np

from intarsia.ir import Graph, Node
from intarsia.ops._extremum import Extremum


class Maximum(Extremum):
    name = "MAXIMUM"
    unsigned = ""
    batchwise = True

    def compute(self, node: Node, graph: Graph, a: np.ndarray, b: np.ndarray, swapped: bool) -> np.ndarray:
        return np.where(a > b, a, b)


OPERATOR = Maximum()
