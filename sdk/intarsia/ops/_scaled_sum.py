# SPDX-License-Identifier: Apache-2.0
"""Sums and differences of codes: operands are brought to twice the larger scale with 20 (int16: 15) more bits."""

from __future__ import annotations

from dataclasses import dataclass
from math import frexp
from typing import Any, ClassVar

import numpy as np

from intarsia.dtypes import INT16
from intarsia.fixedpoint import Int64Array, multiply_by_quantized_multiplier, quantize_multiplier
from intarsia.ir import Attrs, Graph, Node
from intarsia.kernelcall import Param
from intarsia.ops._common import ACTIVATIONS, activation_name, quantized_limits, schema
from intarsia.ops._elementwise import FusedAttrs, FusedOperator, activation_of

LEFT_SHIFT, LEFT_SHIFT_WIDE = 20, 15


@dataclass(frozen=True)
class ScaledSum:
    """Parameters of TFLite's int8 and int16 ADD and SUB. `a` is the kernel's first operand."""

    left: int
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
        left = LEFT_SHIFT_WIDE if out.dtype == INT16 else LEFT_SHIFT
        twice_maximum = 2 * max(a.scale, b.scale)
        a_multiplier, a_shift = quantize_multiplier(a.scale / twice_maximum)
        b_multiplier, b_shift = quantize_multiplier(b.scale / twice_maximum)
        out_multiplier, out_shift = quantize_multiplier(twice_maximum / ((1 << left) * out.scale))
        return ScaledSum(
            left,
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
        return {name: value for name, value in vars(self).items() if name != "left"}

    def operands(self, a: np.ndarray, b: np.ndarray) -> tuple[Int64Array, Int64Array]:
        """Both operands on the common scale."""
        left = (a.astype(np.int64) - self.a_zero) << self.left
        right = (b.astype(np.int64) - self.b_zero) << self.left
        return (
            multiply_by_quantized_multiplier(left, self.a_multiplier, self.a_shift),
            multiply_by_quantized_multiplier(right, self.b_multiplier, self.b_shift),
        )

    def output(self, total: Int64Array) -> Int64Array:
        """Output codes for values on the common scale."""
        scaled = multiply_by_quantized_multiplier(total, self.out_multiplier, self.out_shift)
        return np.clip(scaled + self.out_zero, self.minimum, self.maximum)


@dataclass(frozen=True)
class SumAttrs(FusedAttrs):
    """`power_scales`: int16 scales that are all powers of two ask for TFLite's older kernel."""

    power_scales: bool = False


def scale_fault(node: Node, graph: Graph) -> str | None:
    """Why the scales cannot be run: the reference kernels demand an output factor below 1."""
    assert isinstance(node.attrs, SumAttrs)
    tensors = (graph.required(node, 0), graph.required(node, 1), graph.output(node))
    if node.attrs.power_scales and all(t.dtype == INT16 and frexp(t.scale)[0] == 0.5 for t in tensors):
        return "int16 scales that are all powers of two under the option pot_scale_int16; export without it"
    if ScaledSum.of(node, graph, swapped=False).out_shift > 0:
        return f"output scale {graph.output(node).scale:g} is too small for the scales of the operands"
    return None


class SumOperator(FusedOperator):
    """ADD or SUB."""

    attrs = SumAttrs
    options_name: ClassVar[str]

    def parse(self, options: Any) -> SumAttrs:
        if options is None:
            return SumAttrs()
        return SumAttrs(activation_name(options.fusedActivationFunction), bool(options.potScaleInt16))

    def options(self, attrs: Attrs) -> Any:
        assert isinstance(attrs, SumAttrs)
        options = getattr(schema(), self.options_name)()
        options.fusedActivationFunction = ACTIVATIONS.index(attrs.activation)
        options.potScaleInt16 = attrs.power_scales
        return options

    def scale_fault(self, node: Node, graph: Graph) -> str | None:
        return scale_fault(node, graph)
