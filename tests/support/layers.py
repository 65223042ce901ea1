# SPDX-License-Identifier: Apache-2.0
"""Graphs of one convolution with chosen shapes."""

from __future__ import annotations

import numpy as np

from intarsia import ops
from intarsia.dtypes import BY_NAME
from intarsia.ir import Graph, Quantization
from intarsia.ops import _cases
from intarsia.ops.conv_2d import Conv2DAttrs
from intarsia.ops.depthwise_conv_2d import DepthwiseConv2DAttrs
from support.draw import SeededDraw


def layer(
    operator: str,
    shape: tuple[int, ...],
    kernel: tuple[int, int],
    channels: int,
    seed: int,
    *,
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    padding: str = "SAME",
    activation: str = "NONE",
    weights_range: tuple[int, int] = (-127, 127),
    scales: tuple[float, ...] | None = None,
    weights_zero: int = 0,
    out_scale: float | None = None,
    out_zero: int | None = None,
) -> Graph:
    """One convolution; quantization from the seed where it is not given."""
    case = _cases.Case(SeededDraw(seed))
    x = case.input(shape, "int8")
    depthwise = operator == "DEPTHWISE_CONV_2D"
    dimensions = (1, *kernel, channels) if depthwise else (channels, *kernel, shape[3])
    axis = 3 if depthwise else 0
    attrs_type = DepthwiseConv2DAttrs if depthwise else Conv2DAttrs
    attrs = attrs_type(padding, stride, dilation, activation)
    if scales is None and weights_zero == 0 and weights_range == (-127, 127):
        weights = case.weights(x, dimensions, axis=axis)
    else:
        scales = scales or (0.01,)
        quant = Quantization(scales, (weights_zero,) * len(scales), axis)
        weights = case.constant(case.draw.array(dimensions, *weights_range).astype(np.int8), quant)
    inputs = [x, weights, case.bias(x, weights, channels)]
    outputs = None
    if out_scale is not None:
        zero = case.zero_point(BY_NAME["int8"]) if out_zero is None else out_zero
        outputs = [("int8", Quantization((out_scale,), (zero,)))]
    return case.graph(ops.registry()[operator], inputs, attrs, outputs)
