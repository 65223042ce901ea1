# SPDX-License-Identifier: Apache-2.0
"""MEAN over any axes: int8, int16 and float32. Codes: 1 / cells is in the multiplier, which is rounded down."""

from __future__ import annotations

from typing import Any

import numpy as np

from intarsia.fixedpoint import Requantization, quantize_multiplier
from intarsia.ir import Graph, Node, Quantization
from intarsia.ops import _cases
from intarsia.ops._reduction import Reduction, ordered_sum

MAX_CELLS = 1 << 23
"""Cells of one average whose sum, zero point taken off, fits int32."""


class Mean(Reduction):
    name = "MEAN"
    unsigned = ""
    batchwise = True
    types = ("int8", "float32", "int16")

    def quantization_reason(self, node: Node, graph: Graph) -> str | None:
        cells = self.cells(node, graph)
        if cells > MAX_CELLS:
            return f"an average of {cells} elements"
        shift = max(self.requant(node, graph).shift[0], 0)
        reach = graph.required(node, 0).dtype.range[1] * 2 + 1
        if shift > 30 or reach * cells << shift >= 1 << 31:
            return "the scale of the output is too small"
        return None

    def requant(self, node: Node, graph: Graph) -> Requantization:
        """Factor scale_in / scale_out / cells, as TFLite forms it."""
        source, output, cells = graph.required(node, 0), graph.output(node), self.cells(node, graph)
        multiplier, shift = quantize_multiplier(source.scale / output.scale)
        gained = min(cells.bit_length() - 1, 32, 31 + shift)
        multiplier = (multiplier << gained) // cells
        return Requantization((multiplier,), (shift - gained,), output.zero_point, *output.dtype.range)

    def reduced(self, node: Node, graph: Graph, rows: np.ndarray) -> np.ndarray:
        if rows.dtype == np.float32:
            return ordered_sum(rows) / np.float32(rows.shape[0])
        total = (rows.astype(np.int64) - graph.required(node, 0).zero_point).sum(axis=0)
        return self.requant(node, graph).apply(total)

    def kernel(self, node: Node, graph: Graph) -> tuple[str, str, dict[str, Any]]:
        source = graph.required(node, 0)
        if source.dtype.is_float:
            return "mean", "mean_f32", {}
        requant = self.requant(node, graph)
        params = {"in_zero": source.zero_point, "multiplier": requant.multiplier[0]}
        return (
            "mean",
            f"mean_{source.dtype.code}",
            params | {"shift": requant.shift[0], "out_zero": requant.zero_point},
        )

    def case_quant(self, case: _cases.Case, source: Quantization, kind: str) -> Quantization:
        draw = case.draw
        if draw.choice((True, False)):
            return source
        factor = 2.0 ** draw.integer(-2, 2) * (0.7 + draw.integer(0, 60) / 100)
        zero_point = 0 if kind == "int16" else int(draw.choice((0, -128, 127, 5, -37)))
        return Quantization((float(np.float32(source.scale[0] * factor)),), (zero_point,))


OPERATOR = Mean()
