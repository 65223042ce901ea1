# SPDX-License-Identifier: Apache-2.0
"""Shared by REDUCE_MAX and REDUCE_MIN: codes are compared as they are, so both tensors must have one scale."""

from __future__ import annotations

from typing import Any

from intarsia.ir import Graph, Node, Quantization
from intarsia.ops import _cases
from intarsia.ops._reduction import Reduction
from intarsia.ops.base import OutputRange


class ExtremeReduction(Reduction):
    types = ("int8", "float32", "int16")
    output_range = OutputRange("input")

    def quantization_reason(self, node: Node, graph: Graph) -> str | None:
        source, output = graph.required(node, 0), graph.output(node)
        if (source.scale, source.zero_point) != (output.scale, output.zero_point):
            return "input and output must have the same scale and zero point"
        return None

    def kernel(self, node: Node, graph: Graph) -> tuple[str, str, dict[str, Any]]:
        word = self.name.lower()
        return word, f"{word}_{graph.required(node, 0).dtype.code}", {}

    def case_quant(self, case: _cases.Case, source: Quantization, kind: str) -> Quantization:
        return source
