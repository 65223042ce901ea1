# SPDX-License-Identifier: Apache-2.0
"""SUM over any axes: float32. The int8 kernel of TFLite's interpreters reads codes as uint8, so int8 has no witness."""

from __future__ import annotations

from typing import Any

import numpy as np

from intarsia.dtypes import INT8
from intarsia.ir import Graph, Node, Quantization
from intarsia.ops import _cases
from intarsia.ops._reduction import Reduction, ordered_sum


class Sum(Reduction):
    name = "SUM"
    batchwise = True
    types = ("float32",)

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        if graph.required(node, 0).dtype == INT8:
            return (
                "int8 sums have no rule: the interpreters read their codes as uint8 (take MEAN, with an output scale "
                f"divided by {self.cells(node, graph)}, or leave the layer in float)"
            )
        return super().unsupported(node, graph)

    def quantization_reason(self, node: Node, graph: Graph) -> str | None:
        return None

    def reduced(self, node: Node, graph: Graph, rows: np.ndarray) -> np.ndarray:
        return ordered_sum(rows)

    def kernel(self, node: Node, graph: Graph) -> tuple[str, str, dict[str, Any]]:
        return "sum", "sum_f32", {}

    def case_quant(self, case: _cases.Case, source: Quantization, kind: str) -> Quantization:
        return source


OPERATOR = Sum()
