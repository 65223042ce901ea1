# SPDX-License-Identifier: Apache-2.0
"""What LOGISTIC and TANH have in common: a fixed scale of the output, and one table for 16 bits."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from intarsia.ir import Graph, Node, Quantization
from intarsia.kernelcall import Constant, Param
from intarsia.ops import _cases, _sigmoid
from intarsia.ops._lookup import WideUnaryOperator
from intarsia.ops._sigmoid import LARGEST_SCALE, WIDE_SCALE


class SaturatingOperator(WideUnaryOperator):
    """A function that ends in a bound on both sides."""

    unsigned = ""
    batchwise = True
    kernel: ClassVar[str]
    """Folder of its kernels, with which the names of their contracts begin."""

    def float_kernel(self, node: Node) -> tuple[str, str, dict[str, Param]]:
        return self.kernel, f"{self.kernel}_f32", {}

    def case_quants(self, case: _cases.Case) -> tuple[Quantization, Quantization]:
        source, _ = super().case_quants(case)
        assert self.output_range is not None
        return source, Quantization((self.output_range.scale,), (self.output_range.zero_point,))

    def wide_fault(self, node: Node, graph: Graph) -> str | None:
        scale = graph.output(node).scale
        if scale != WIDE_SCALE:
            return f"output scale {scale:g}; it must be 1/32768"
        if graph.required(node, 0).scale > LARGEST_SCALE:
            return f"input scale {graph.required(node, 0).scale:g} is above {LARGEST_SCALE:g}"
        return None

    def wide_kernel(
        self, node: Node, graph: Graph
    ) -> tuple[str, str, dict[str, Param], tuple[Constant, ...]]:
        multiplier, shift = _sigmoid.input_factor(graph.required(node, 0).scale)
        table = Constant("table", _sigmoid.TABLE.view(np.int16))
        return self.kernel, f"{self.kernel}_s16", {"multiplier": multiplier, "shift": shift}, (table,)

    def wide_quants(self, case: _cases.Case) -> tuple[Quantization, Quantization]:
        scale = case.draw.choice((2.0**-12, 2.0**-11, case.scale(-15, -8)))
        return Quantization((scale,), (0,)), Quantization((WIDE_SCALE,), (0,))
