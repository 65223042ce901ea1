# SPDX-License-Identifier: Apache-2.0
"""Geometry, windows, sums and requantization shared by the convolution-like operators."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from intarsia.dtypes import BY_BITS, FLOAT16, FLOAT32, INT8, DType
from intarsia.fixedpoint import INT32_MAX, INT32_MIN, Int64Array, Requantization, requantization
from intarsia.ir import Graph, Node, Quantization, Tensor
from intarsia.kernelcall import Constant, Param
from intarsia.ops._common import EXPLICIT, Window, quantized_limits
from intarsia.ops.base import Field


@dataclass(frozen=True)
class Geometry:
    """Spatial shape of a windowed operator over an NHWC input."""

    batch: int
    in_h: int
    in_w: int
    in_c: int
    kernel_h: int
    kernel_w: int
    stride_h: int
    stride_w: int
    dilation_h: int
    dilation_w: int
    pad_top: int
    pad_left: int
    out_h: int
    out_w: int

    @staticmethod
    def of(
        shape: tuple[int, ...],
        kernel: tuple[int, int],
        stride: tuple[int, int],
        dilation: tuple[int, int],
        padding: str,
        pads: tuple[int, ...] = (),
    ) -> Geometry:
        """`pads` (above, below, left, right) are for EXPLICIT padding. Raises ValueError when the input is not
        four-dimensional or the window does not fit."""
        if len(shape) != 4:
            raise ValueError(f"needs a four-dimensional input, not {list(shape)}")
        if padding == EXPLICIT:
            rows = Window.bordered(shape[1], kernel[0], stride[0], dilation[0], pads[:2])
            columns = Window.bordered(shape[2], kernel[1], stride[1], dilation[1], pads[2:])
        else:
            rows = Window.of(shape[1], kernel[0], stride[0], dilation[0], padding)
            columns = Window.of(shape[2], kernel[1], stride[1], dilation[1], padding)
        return Geometry(
            *shape, *kernel, *stride, *dilation, rows.before, columns.before, rows.out, columns.out
        )

    def params(self) -> dict[str, int]:
        """The fields as parameters of a kernel, in declaration order."""
        return dict(vars(self))

    def fields(self) -> tuple[Field, Field] | None:
        """Receptive field along rows and columns; None for batches, which are not computed part by part."""
        if self.batch != 1:
            return None
        return (
            Field(self.reach_h, self.stride_h, self.pad_top),
            Field(self.reach_w, self.stride_w, self.pad_left),
        )

    @property
    def reach_h(self) -> int:
        """Input rows that one window spans."""
        return (self.kernel_h - 1) * self.dilation_h + 1

    @property
    def reach_w(self) -> int:
        """Input columns that one window spans."""
        return (self.kernel_w - 1) * self.dilation_w + 1

    @property
    def pixelwise(self) -> bool:
        """Whether every window is the one pixel of the output's place."""
        steps = (self.kernel_h, self.kernel_w, self.stride_h, self.stride_w)
        places = (self.pad_top, self.pad_left, self.out_h, self.out_w)
        return steps == (1, 1, 1, 1) and places == (0, 0, self.in_h, self.in_w)

    @property
    def inside(self) -> bool:
        """Whether no window reaches over the border."""
        rows = (self.out_h - 1) * self.stride_h + self.reach_h - self.pad_top <= self.in_h
        columns = (self.out_w - 1) * self.stride_w + self.reach_w - self.pad_left <= self.in_w
        return rows and columns and self.pad_top <= 0 and self.pad_left <= 0

    def windows(self, x: np.ndarray, pad_value: float) -> np.ndarray:
        """View [N, out_h, out_w, kernel_h, kernel_w, C] of all windows, borders filled with pad_value."""
        padded_h = (self.out_h - 1) * self.stride_h + self.reach_h
        padded_w = (self.out_w - 1) * self.stride_w + self.reach_w
        padded = np.full((self.batch, padded_h, padded_w, self.in_c), pad_value, x.dtype)
        top, left = max(self.pad_top, 0), max(self.pad_left, 0)
        inside = x[:, max(-self.pad_top, 0) :, max(-self.pad_left, 0) :][
            :, : padded_h - top, : padded_w - left
        ]
        padded[:, top : top + inside.shape[1], left : left + inside.shape[2]] = inside
        n, h, w, c = padded.strides
        return np.lib.stride_tricks.as_strided(
            padded,
            (self.batch, self.out_h, self.out_w, self.kernel_h, self.kernel_w, self.in_c),
            (n, h * self.stride_h, w * self.stride_w, h * self.dilation_h, w * self.dilation_w, c),
            writeable=False,
        )


def integer_dot(columns: np.ndarray, kernel: np.ndarray) -> Int64Array:
    """columns [rows, taps] times kernel [channels, taps]: exact, as float64 holds sums below 2**53."""
    total: Int64Array = (columns.astype(np.float64) @ kernel.astype(np.float64).T).astype(np.int64)
    return total


def float_dot(columns: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """columns [rows, taps] times kernel [channels, taps] in float32, products added in the order of the taps.

    The order is part of the result: kernels on every board add in this order too, and so do TFLite's.
    """
    total = np.zeros((columns.shape[0], kernel.shape[0]), np.float32)
    taps = (np.ascontiguousarray(m.T, np.float32) for m in (columns, kernel))
    for column, weights in zip(*taps, strict=True):
        total += column[:, None] * weights[None, :]
    return total


def channel_factors(
    node: Node, graph: Graph, channels: int, *, float_product: bool, source: int = 0
) -> np.ndarray:
    """scale_in * scale_weights / scale_out per output channel (float64); `source` is the input's position.

    `float_product` forms scale_in * scale_weights in float32, as TFLite does for per-tensor weights outside
    int8 convolutions (GetQuantizedConvolutionMultipler); otherwise in float64
    (PopulateConvolutionQuantizationParams).
    """
    scale_in, scale_out = graph.required(node, source).scale, graph.output(node).scale
    scales = np.array(quantization_of(graph.required(node, 1)).scale, np.float64)
    if float_product:
        product = (np.float32(scale_in) * scales.astype(np.float32)).astype(np.float64)
    else:
        product = scale_in * scales
    return np.broadcast_to(product / scale_out, (channels,))


def channel_requantization(
    node: Node, graph: Graph, channels: int, activation: str, *, float_product: bool, source: int = 0
) -> Requantization:
    """Requantization by `channel_factors` into the codes of the output."""
    output = graph.output(node)
    factors = channel_factors(node, graph, channels, float_product=float_product, source=source)
    return requantization(factors, output.zero_point, quantized_limits(activation, output))


def requantization_constants(requant: Requantization) -> tuple[Constant, Constant]:
    """Multiplier and shift as the kernels take them."""
    return (
        Constant("multiplier", np.array(requant.multiplier, np.int32)),
        Constant("shift", np.array(requant.shift, np.int8)),
    )


MAX_PACKED_TAPS = (1 << 31) // (255 * 128)
"""Products of one sum that int32 holds before the zero point of the weights is taken off."""


def is_packed(node: Node, graph: Graph) -> bool:
    """Whether a layer of integers needs a kernel for packed types."""
    x, weights, output = graph.required(node, 0), graph.required(node, 1), graph.output(node)
    narrow = x.dtype.is_packed or weights.dtype.is_packed or output.dtype.is_packed
    return narrow or bool(quantization_of(weights).bits)


def packed_params(node: Node, graph: Graph) -> dict[str, Param]:
    """Parameters that a kernel for packed types has beside those of int8."""
    widths = set(quantization_of(graph.required(node, 1)).bits)
    return {
        "in_bits": graph.required(node, 0).dtype.bits,
        "out_bits": graph.output(node).dtype.bits,
        "mixed": int(len(widths) > 1),
    }


def packed_weights(tensor: Tensor) -> tuple[Constant, Constant]:
    """Weights as kernels for packed types take them, and their widths: one, or one per output channel."""
    assert tensor.data is not None
    widths = quantization_of(tensor).bits or (tensor.dtype.bits,)
    if len(set(widths)) == 1:
        widths = widths[:1]
    return Constant("weights", tensor.data, widths), Constant("weights_bits", np.array(widths, np.int8))


def quantization_of(tensor: Tensor) -> Quantization:
    if tensor.quant is None:
        raise ValueError(f"tensor '{tensor.name}' has no quantization")
    return tensor.quant


def weights_zero_point(tensor: Tensor) -> int:
    """The one zero point of a weight tensor. Raises ValueError when it differs between channels."""
    points = set(quantization_of(tensor).zero_point)
    if len(points) != 1:
        raise ValueError(f"weights '{tensor.name}' have different zero points per channel")
    return points.pop()


def bias_or_zero(
    node: Node, graph: Graph, channels: int, dtype: type[np.generic], position: int = 2
) -> np.ndarray:
    """The bias constant, or zeros when the model leaves it out."""
    if graph.operand(node, position) is None:
        return np.zeros(channels, dtype)
    return graph.constant(node, position).reshape(-1).astype(dtype)


def accumulator_range(
    kernel: np.ndarray, bias: np.ndarray, zero_point: int, codes: tuple[int, int] = INT8.range
) -> tuple[Int64Array, Int64Array]:
    """Smallest and largest accumulator of each channel over all inputs in `codes`; every partial sum lies within.

    `kernel` [channels, taps] has its zero point taken off; the sums before the bias is added count as well.
    """
    low, high = codes[0] - zero_point, codes[1] - zero_point
    rising = np.maximum(kernel, 0).sum(axis=1, dtype=np.int64)
    falling = np.minimum(kernel, 0).sum(axis=1, dtype=np.int64)
    least, most = rising * low + falling * high, rising * high + falling * low
    return np.minimum(least, least + bias), np.maximum(most, most + bias)


def types_reason(
    node: Node,
    graph: Graph,
    channels: int,
    *,
    axis: int = 0,
    source: int = 0,
    bias: int = 2,
    narrow: tuple[DType, ...] = (INT8,),
) -> str | None:
    """Why types or quantization of input, weights, bias and output keep a node from running, or None.

    `axis` is that of the output channels in the weights; `narrow` are the integer types that input, weights and output
    can have, each its own.
    """
    x, weights, output = graph.required(node, source), graph.required(node, 1), graph.output(node)
    if not weights.is_constant:
        return "weights must be constant"
    kinds = {x.dtype, weights.dtype, output.dtype}
    if not kinds <= set(narrow) and kinds not in ({FLOAT32}, {FLOAT16}):
        return f"{x.dtype.name} input with {weights.dtype.name} weights and {output.dtype.name} output"
    constant = graph.operand(node, bias)
    if constant is not None:
        expected = "int32" if x.dtype in narrow else "float32"
        if not constant.is_constant or constant.dtype.name != expected or constant.elements != channels:
            found = f"'{constant.name}' is {constant.dtype.name}{list(constant.shape)}"
            return f"the bias {found}; it must be a constant of {channels} {expected} values"
    return None if x.dtype.is_float else _quantization_reason(x, weights, output, (axis, channels))


def scale_reason(*tensors: Tensor) -> str | None:
    """Which of these feature maps has no usable quantization, or None."""
    for tensor in tensors:
        if tensor.quant is None or tensor.quant.per_channel or tensor.scale <= 0:
            return f"'{tensor.name}' needs one positive scale"
        low, high = tensor.dtype.range
        if not low <= tensor.zero_point <= high:
            return f"the zero point {tensor.zero_point} of '{tensor.name}' is not {tensor.dtype.name}"
    return None


def _quantization_reason(x: Tensor, weights: Tensor, output: Tensor, channels: tuple[int, int]) -> str | None:
    if reason := scale_reason(x, output):
        return reason
    quant = weights.quant
    if quant is None or (quant.per_channel and (quant.axis, len(quant.scale)) != channels):
        return f"the weights need one scale, or {channels[1]} along axis {channels[0]}"
    if len(set(quant.zero_point)) != 1:
        return "the weights have different zero points per channel"
    return codes_reason(weights)


def codes_reason(weights: Tensor) -> str | None:
    """Why codes of constant weights are not what their widths allow, or None."""
    assert weights.data is not None
    assert weights.quant is not None
    widths = weights.quant.bits
    if any(bits not in BY_BITS for bits in widths) or len(widths) not in (0, weights.shape[0]):
        return f"weights of {list(widths)} bits"
    parts = list(zip(widths, weights.data, strict=True)) if widths else [(weights.dtype.bits, weights.data)]
    for bits, part in parts:
        low, high = BY_BITS[bits].range
        if part.size and not (low <= part.min() and part.max() <= high):
            return f"the weights have codes beyond {bits} bits"
    return None


def range_reason(
    kernel: np.ndarray,
    bias: np.ndarray,
    zero_point: int,
    requant: Requantization | None = None,
    codes: tuple[int, int] = INT8.range,
) -> str | None:
    """Why int32 cannot hold the accumulators of a layer, or None (arguments as `accumulator_range`)."""
    low, high = accumulator_range(kernel, bias, zero_point, codes)
    shift = np.maximum(np.array(requant.shift), 0) if requant else np.zeros(1, np.int64)
    if (low < INT32_MIN).any() or (high > INT32_MAX).any():
        return f"accumulators can reach [{low.min()}, {high.max()}], beyond int32"
    if (shift > 30).any() or (low < INT32_MIN >> shift).any() or (high > INT32_MAX >> shift).any():
        return "the scale of the output is too small for its accumulators"
    return None
