# SPDX-License-Identifier: Apache-2.0
"""Graphs of a single int8 layer: with chosen shapes, or drawn by the operator itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from intarsia import ops
from intarsia.dtypes import BY_NAME
from intarsia.ir import Graph, Quantization
from intarsia.ops import _cases
from intarsia.ops.conv_2d import Conv2DAttrs
from intarsia.ops.depthwise_conv_2d import DepthwiseConv2DAttrs
from intarsia.ops.fully_connected import FullyConnectedAttrs
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


def drawn(operator: str, count: int, rule: str = "tflm") -> list[Graph]:
    """Supported int8 cases of an operator's own generator."""
    found: list[Graph] = []
    seed = 0
    while len(found) < count:
        graph = ops.registry()[operator].cases(SeededDraw(seed)).replace(rule=rule)
        seed += 1
        integer = graph.tensor(graph.inputs[0]).dtype.name == "int8"
        if integer and ops.registry()[operator].unsupported(graph.nodes[0], graph) is None:
            found.append(graph)
    return found


def scaled_layer(exponent: int, seed: int, activation: str) -> Graph:
    """A fully connected layer whose factor is about 2**exponent: left shifts, no shift, very far right."""
    case = _cases.Case(SeededDraw(seed))
    x = case.input((3, 7), "int8", Quantization((1.0,), (-5,)))
    weights = case.weights(x, (6, 7), axis=0)
    quant = case.tensors[weights].quant
    assert quant is not None
    output = Quantization((float(np.float32(max(quant.scale) * 2.0**-exponent)),), (seed % 5 - 2,))
    operator = ops.registry()["FULLY_CONNECTED"]
    return case.graph(operator, [x, weights], FullyConnectedAttrs(activation), [("int8", output)])


def with_constant_channels(graph: Graph, live: Sequence[int]) -> Graph:
    """The convolution with all weights 0 but those of some channels."""
    index = graph.nodes[0].inputs[1]
    weights = graph.constant(graph.nodes[0], 1).copy()
    weights[[c for c in range(weights.shape[0]) if c not in live]] = 0
    tensors = list(graph.tensors)
    tensors[index] = replace(tensors[index], data=weights)
    return graph.replace(tensors=tuple(tensors))


def mean(shape: tuple[int, ...], axes: tuple[int, ...]) -> Graph:
    """MEAN of int8 over axes."""
    case = _cases.Case(SeededDraw(len(shape)))
    inputs = [case.input(shape, "int8"), case.constant(np.array(axes, np.int32))]
    operator = ops.registry()["MEAN"]
    return case.graph(operator, inputs, operator.attrs_from_json({}))


def long_means() -> list[Graph]:
    """Along runs longer than a vector, in every place of the shape, and of more cells than 16 bits hold."""
    return [
        mean((2, 3, 150), (2,)),
        mean((3, 5, 2, 33), (1, 3)),
        mean((1, 200), (1,)),
        mean((2, 6, 70), (1,)),
        mean((1, 3, 300, 11), (1, 2)),
    ]
