# SPDX-License-Identifier: Apache-2.0
"""LOGICAL_OR: whether either operand is true, bool, with broadcasting."""

from __future__ import annotations

from typing import Any

import numpy as np

from intarsia.ir import Attrs, Graph, Node
from intarsia.ops._common import schema
from intarsia.ops._logical import Logical


class LogicalOr(Logical):
    name = "LOGICAL_OR"
    batchwise = True

    def options(self, attrs: Attrs) -> Any:
        return schema().LogicalOrOptionsT()

    def compute(self, node: Node, graph: Graph, a: np.ndarray, b: np.ndarray, swapped: bool) -> np.ndarray:
        result: np.ndarray = a | b
        return result


OPERATOR = LogicalOr()
