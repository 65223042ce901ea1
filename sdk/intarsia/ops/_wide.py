# SPDX-License-Identifier: Apache-2.0
"""Layers of int16 feature maps with int8 weights (16x8): 64-bit accumulators and bias, all zero points 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from intarsia.dtypes import INT8, INT16
from intarsia.fixedpoint import Int64Array, reduced_multiplier, requantization, scale_wide
from intarsia.ir import Graph, Node
from intarsia.kernelcall import Constant
from intarsia.ops._common import quantized_limits
from intarsia.ops._convolution import channel_factors, quantization_of, scale_reason

LARGEST = 1 << 47
"""Accumulators stay below this."""
LARGEST_SHIFT = 14
"""Largest shift of a factor that takes 64-bit accumulators to codes."""


@dataclass(frozen=True)
class WideRequantization:
    """Per-channel factors, 15 bits each, that take a 64-bit accumulator to an int16 code."""

    multiplier: tuple[int, ...]
    shift: tuple[int, ...]
    minimum: int
    maximum: int

    @staticmethod
    def of(
        node: Node,
        graph: Graph,
        channels: int,
        activation: str,
        *,
        float_product: bool = False,
        source: int = 0,
    ) -> WideRequantization:
        output = graph.output(node)
        factors = channel_factors(node, graph, channels, float_product=float_product, source=source)
        requant = requantization(factors, 0, quantized_limits(activation, output))
        reduced = tuple(reduced_multiplier(m) for m in requant.multiplier)
        return WideRequantization(reduced, requant.shift, requant.minimum, requant.maximum)

    def apply(self, accumulator: Int64Array) -> np.ndarray:
        """int16 codes for accumulators whose last axis is the channel axis."""
        scaled = scale_wide(accumulator, np.array(self.multiplier), np.array(self.shift))
        return np.clip(scaled, self.minimum, self.maximum).astype(np.int16)

    def constants(self) -> tuple[Constant, Constant]:
        """Multiplier and shift as the kernels take them."""
        return (
            Constant("multiplier", np.array(self.multiplier, np.int32)),
            Constant("shift", np.array(self.shift, np.int8)),
        )


def is_wide(node: Node, graph: Graph, source: int = 0) -> bool:
    """Whether the layer has int16 feature maps."""
    return graph.required(node, source).dtype == INT16


def wide_reason(
    node: Node, graph: Graph, channels: int, *, axis: int = 0, source: int = 0, bias: int = 2
) -> str | None:
    """Why types or quantization keep a 16x8 layer from running, or None (arguments as `types_reason`)."""
    x, weights, output = graph.required(node, source), graph.required(node, 1), graph.output(node)
    if weights.dtype != INT8 or output.dtype != INT16 or not weights.is_constant:
        found = f"int16 input with {weights.dtype.name} weights and {output.dtype.name} output"
        return f"{found}; a 16x8 layer takes constant int8 weights and gives int16"
    constant = graph.operand(node, bias)
    if constant is not None and (
        not constant.is_constant or constant.dtype.name != "int64" or constant.elements != channels
    ):
        return f"the bias of a 16x8 layer must be a constant of {channels} int64 values"
    if reason := scale_reason(x, output):
        return reason
    quant = weights.quant
    if quant is None or (quant.per_channel and (quant.axis, len(quant.scale)) != (axis, channels)):
        return f"the weights need one scale, or {channels} along axis {axis}"
    if x.zero_point or output.zero_point or any(quant.zero_point):
        return "int16 feature maps and their weights must have a zero point of 0"
    return None


def wide_range_reason(kernel: np.ndarray, bias: np.ndarray, requant: WideRequantization) -> str | None:
    """Why the arithmetic of TFLite cannot hold the accumulators of a 16x8 layer, or None.

    `kernel` [channels, taps], `bias` [channels].
    """
    largest = np.abs(kernel.astype(np.int64)).sum(axis=1) * 32768 + np.abs(bias.astype(np.float64))
    if (largest >= LARGEST).any():
        return f"accumulators can reach {int(largest.max())}, beyond 48 bits"
    if max(requant.shift) > LARGEST_SHIFT:
        return "the scale of the output is too small for its accumulators"
    return None


def weights_per_channel(node: Node, graph: Graph) -> bool:
    return quantization_of(graph.required(node, 1)).per_channel
