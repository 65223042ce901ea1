# SPDX-License-Identifier: Apache-2.0
"""LOGICAL_AND: whether both operands are true, bool, with broadcasting."""

from __future__ import annotations

from typing import Any

import numpy as np

from intarsia.ir import Attrs, Graph, Node
from intarsia.ops._common import schema
from intarsia.ops._logical import Logical


class LogicalAnd(Logical):
    name = "LOGICAL_AND"
    batchwise = True

    def options(self, attrs: Attrs) -> Any:
        return schema().LogicalAndOptionsT()

    def compute(self, node: Node, graph: Graph, a: np.ndarray, b: np.ndarray, swapped: bool) -> np.ndarray:
        result: np.ndarray = a & b
        return result


OPERATOR = LogicalAnd()
