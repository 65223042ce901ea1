# SPDX-License-Identifier: Apache-2.0
"""int8 sums and differences: operands are brought to twice the larger scale with 20 more bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from intarsia.fixedpoint import Int64Array, multiply_by_quantized_multiplier, quantize_multiplier
from intarsia.ir import Graph, Node
from intarsia.kernelcall import Param
from intarsia.ops._common import quantized_limits
from intarsia.ops._elementwise import activation_of

LEFT_SHIFT = 20


@dataclass(frozen=True)
class ScaledSum:
    """Parameters of TFLite's int8 ADD and SUB. `a` is the kernel's first operand."""

    a_zero: int
    a_multiplier: int
    a_shift: int
    b_zero: int
    b_multiplier: int
    b_shift: int
    out_zero: int
    out_multiplier: int
    out_shift: int
    minimum: int
    maximum: int

    @staticmethod
    def of(node: Node, graph: Graph, swapped: bool) -> ScaledSum:
        a, b = (graph.required(node, i) for i in ((1, 0) if swapped else (0, 1)))
        out = graph.output(node)
        twice_maximum = 2 * max(a.scale, b.scale)
        a_multiplier, a_shift = quantize_multiplier(a.scale / twice_maximum)
        b_multiplier, b_shift = quantize_multiplier(b.scale / twice_maximum)
        out_multiplier, out_shift = quantize_multiplier(twice_maximum / ((1 << LEFT_SHIFT) * out.scale))
        return ScaledSum(
            a.zero_point,
            a_multiplier,
            a_shift,
            b.zero_point,
            b_multiplier,
            b_shift,
            out.zero_point,
            out_multiplier,
            out_shift,
            *quantized_limits(activation_of(node), out),
        )

    def params(self) -> dict[str, Param]:
        return dict(vars(self))

    def operands(self, a: np.ndarray, b: np.ndarray) -> tuple[Int64Array, Int64Array]:
        """Both operands on the common scale."""
        left = (a.astype(np.int64) - self.a_zero) << LEFT_SHIFT
        right = (b.astype(np.int64) - self.b_zero) << LEFT_SHIFT
        return (
            multiply_by_quantized_multiplier(left, self.a_multiplier, self.a_shift),
            multiply_by_quantized_multiplier(right, self.b_multiplier, self.b_shift),
        )

    def output(self, total: Int64Array) -> Int64Array:
        """Output codes for values on the common scale."""
        scaled = multiply_by_quantized_multiplier(total, self.out_multiplier, self.out_shift)
        return np.clip(scaled + self.out_zero, self.minimum, self.maximum)


def scale_fault(node: Node, graph: Graph) -> str | None:
    """Why the scales cannot be run: the reference kernels demand an output factor below 1."""
    if ScaledSum.of(node, graph, swapped=False).out_shift > 0:
        return f"output scale {graph.output(node).scale:g} is too small for the scales of the operands"
    return None
