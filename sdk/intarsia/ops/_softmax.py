# SPDX-License-Identifier: Apache-2.0
"""Shared by SOFTMAX and LOG_SOFTMAX: rows along the last axis, fixed-point scaling of differences."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from intarsia import floatmath
from intarsia.fixedpoint import (
    INT32_MAX,
    Int64Array,
    quantize_multiplier,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
)
from intarsia.fixedpoint_functions import exp_of_negative
from intarsia.floatmath import Float32Array
from intarsia.ir import Graph, Node
from intarsia.kernelcall import Param
from intarsia.ops.base import Operator, Shape

DIFFERENCE_BITS = 5
SUM_BITS = 12
LARGEST_DEPTH = (1 << SUM_BITS) - 1
"""More equal values in a row would overflow the sum of exponentials."""


@dataclass(frozen=True)
class DifferenceScaling:
    """Takes differences from the largest code of a row to Q5.26; those below `minimum` are minus infinity."""

    multiplier: int
    shift: int
    minimum: int

    @staticmethod
    def of(scale: float, beta: float) -> DifferenceScaling:
        """TFLite PreprocessSoftmaxScaling and CalculateInputRadius."""
        real = min(beta * scale * (1 << (31 - DIFFERENCE_BITS)), float(INT32_MAX))
        multiplier, shift = quantize_multiplier(real) if real < INT32_MAX else (INT32_MAX, 31)
        radius = math.floor(((1 << DIFFERENCE_BITS) - 1) * (1 << (31 - DIFFERENCE_BITS)) / (1 << shift))
        return DifferenceScaling(multiplier, shift, -radius)

    def apply(self, difference: Int64Array) -> Int64Array:
        """Q5.26 for differences that are not below `minimum`."""
        return saturating_rounding_doubling_high_mul(difference << self.shift, self.multiplier)

    def params(self) -> dict[str, Param]:
        return {"multiplier": self.multiplier, "shift": self.shift, "diff_min": self.minimum}


def scaling_fault(scale: float, beta: float) -> str | None:
    """Why an int8 row cannot be scaled, or None (the reference demands a factor above 1)."""
    if not (math.isfinite(beta) and beta * scale * (1 << (31 - DIFFERENCE_BITS)) > 1.0):
        return f"beta {beta:g} with input scale {scale:g} is too small"
    return None


def sum_of_exponentials(scaled: Int64Array, used: np.ndarray) -> Int64Array:
    """Sum in Q12.19 along the last axis, kept as an axis."""
    terms = rounding_divide_by_pot(exp_of_negative(scaled), SUM_BITS)
    total: Int64Array = np.where(used, terms, 0).sum(-1, keepdims=True)
    return total


def float_exponentials(x: Float32Array, beta: float) -> tuple[Float32Array, Float32Array, Float32Array]:
    """(x - max, exp((x - max) * beta), their sum) along the last axis; summed in element order."""
    shifted = x - x.max(-1, keepdims=True)
    exponentials = floatmath.exp(shifted * np.float32(beta))
    return shifted, exponentials, np.add.accumulate(exponentials, axis=-1)[..., -1:]


class RowOperator(Operator):
    """An operator over rows along the last axis whose output has the shape of its input."""

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        shape = graph.required(node, 0).shape
        if not shape or shape[-1] < 1:
            raise ValueError(f"needs at least one value in a row, not a shape of {list(shape)}")
        return [shape]

    def rows(self, node: Node, graph: Graph) -> dict[str, Param]:
        """Number and length of the rows, the first parameters of the kernels."""
        source = graph.required(node, 0)
        return {"rows": source.elements // source.shape[-1], "depth": source.shape[-1]}


def depth_fault(shape: Shape) -> str | None:
    if not shape or not 1 <= shape[-1] <= LARGEST_DEPTH:
        return f"rows of a shape of {list(shape)}; they may have 1 to {LARGEST_DEPTH} values"
    return None


CASE_SHAPES: tuple[Shape, ...] = ((1, 10), (3, 7), (5,), (2, 2, 3, 4), (1, 256), (2, 1), (1, 2, 2, 2, 3))
