# SPDX-License-Identifier: Apache-2.0
"""HARD_SWISH: x * clamp(x + 3, 0, 6) / 6; int8 in TFLite's 16-bit arithmetic, and float32."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from intarsia.fixedpoint import Int64Array, quantize_multiplier, rounding_divide_by_pot
from intarsia.floatmath import Float32Array
from intarsia.ir import Attrs, Graph, Node, Quantization
from intarsia.kernelcall import Param
from intarsia.ops import _cases
from intarsia.ops._common import schema
from intarsia.ops._elementwise import case_quant, clamp_real, scale_of
from intarsia.ops._lookup import UnaryOperator, saturate

_INT16_MIN, _INT16_MAX = -(1 << 15), (1 << 15) - 1


def _multiplier_16(real: np.float32) -> tuple[int, int]:
    """The quantized multiplier with 16 bits (TFLite DownScaleInt32ToInt16Multiplier) and its shift."""
    multiplier, shift = quantize_multiplier(float(real))
    return min((multiplier + (1 << 15)) >> 16, _INT16_MAX), shift


def _rounding_high_multiply(a: Int64Array, b: int) -> Int64Array:
    result: Int64Array = np.minimum((a * b + (1 << 14)) >> 15, _INT16_MAX)
    return result


def _saturating_shift_left(x: Int64Array, amount: int) -> Int64Array:
    result: Int64Array = np.clip(x << amount, _INT16_MIN, _INT16_MAX)
    return result


@dataclass(frozen=True)
class _Factors:
    """Output factor on a scale with 7 more bits, factor that takes 3.0 to 2**15, and their shifts."""

    output: int
    output_shift: int
    relu: int
    relu_shift: int

    @staticmethod
    def of(node: Node, graph: Graph) -> _Factors:
        fine = np.float32(1 / 128) * scale_of(graph.required(node, 0))
        return _Factors(
            *_multiplier_16(fine / scale_of(graph.output(node))),
            *_multiplier_16(fine / np.float32(3 / 32768)),
        )


class HardSwish(UnaryOperator):
    name = "HARD_SWISH"
    unsigned = ""
    batchwise = True

    def options(self, attrs: Attrs) -> Any:
        return schema().HardSwishOptionsT()

    def scale_fault(self, node: Node, graph: Graph) -> str | None:
        factors = _Factors.of(node, graph)
        if factors.output_shift > 0:
            return "the output scale is below 1/128 of the input scale"
        if factors.output_shift < -15 or factors.relu_shift < -15 or factors.relu_shift > 31:
            return "the scales of input and output are too far apart for 16-bit arithmetic"
        return None

    def codes(self, node: Node, graph: Graph, x: Int64Array) -> Int64Array:
        factors = _Factors.of(node, graph)
        fine = (x - graph.required(node, 0).zero_point) << 7
        unshifted = _rounding_high_multiply(fine, factors.output)
        relu = fine
        if factors.relu_shift > 0:
            relu = _saturating_shift_left(relu, factors.relu_shift - 1)
        relu = _rounding_high_multiply(relu, factors.relu)
        if factors.relu_shift > 0:
            relu = _saturating_shift_left(relu, 1)
        if factors.relu_shift < 0:
            relu = rounding_divide_by_pot(relu, -factors.relu_shift)
        relu = (relu + (1 << 15)) >> 1
        product = relu * unshifted
        high = np.sign(product) * (np.abs(product) >> 15)
        return saturate(rounding_divide_by_pot(high, -factors.output_shift) + graph.output(node).zero_point)

    def real(self, node: Node, x: Float32Array) -> Float32Array:
        result: Float32Array = x * clamp_real(x + np.float32(3), 0.0, 6.0) / np.float32(6)
        return result

    def float_kernel(self, node: Node) -> tuple[str, str, dict[str, Param]]:
        return "hard_swish", "hard_swish_f32", {}

    def case_quants(self, case: _cases.Case) -> tuple[Quantization, Quantization]:
        if case.draw.integer(0, 9) == 0:
            return Quantization((float(np.float32(0.13308)),), (-23,)), Quantization(
                (float(np.float32(0.07557)),), (-123,)
            )
        scale = case.scale(-11, 3)
        out = scale * 2.0 ** case.draw.integer(-4, 4) * (1 + case.draw.integer(0, 1000) / 1000)
        return case_quant(case, scale), case_quant(case, out)


OPERATOR = HardSwish()
