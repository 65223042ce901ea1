# SPDX-License-Identifier: Apache-2.0
"""Weights and inputs of a layer as matrices: groups of output channels that read the same taps."""

from __future__ import annotations

import numpy as np

from intarsia import ops
from intarsia.dtypes import INT8
from intarsia.ir import Graph, Node, Tensor
from intarsia.ops.conv_2d import Conv2D
from intarsia.ops.depthwise_conv_2d import DepthwiseConv2D

LAYERS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
"""Operators whose weights are understood here."""


_TRAILING = ("QUANTIZE", "DEQUANTIZE", "RESHAPE", "SQUEEZE")


def weights_of(graph: Graph, node: Node) -> Tensor | None:
    """The constant int8 weights of a layer, or None."""
    if node.op not in LAYERS:
        return None
    tensor = graph.operand(node, 1)
    if tensor is None or tensor.data is None or tensor.dtype != INT8 or tensor.quant is None:
        return None
    return tensor


def real(tensor: Tensor) -> np.ndarray:
    """float64 values of a quantized constant."""
    assert tensor.data is not None
    scale, zero = _shaped(tensor)
    result: np.ndarray = (tensor.data.astype(np.float64) - zero) * scale
    return result


def encoded(values: np.ndarray, tensor: Tensor) -> np.ndarray:
    """int8 codes of values in the quantization of a constant, rounded and saturated."""
    scale, zero = _shaped(tensor)
    codes: np.ndarray = np.clip(np.round(values / scale + zero), *tensor.dtype.range).astype(np.int8)
    return codes


def _shaped(tensor: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Scales and zero points in a shape that fits the tensor's values."""
    assert tensor.quant is not None
    shape = [1] * len(tensor.shape)
    if tensor.quant.per_channel:
        shape[tensor.quant.axis] = -1
    return np.array(tensor.quant.scale, np.float64).reshape(shape), np.array(tensor.quant.zero_point).reshape(
        shape
    )


def decoded(codes: np.ndarray, tensor: Tensor) -> np.ndarray:
    """float64 values of the codes of a feature map."""
    real_values: np.ndarray = (codes.astype(np.float64) - tensor.zero_point) * tensor.scale
    return real_values


def before_probabilities(graph: Graph) -> Graph | None:
    """The graph up to what a last SOFTMAX or LOGISTIC is applied to, or None when it does not end with one.

    Conversions and reshapes behind it do not count.
    """
    last = len(graph.nodes) - 1
    while last >= 0 and graph.nodes[last].op in _TRAILING:
        last -= 1
    if last < 0 or len(graph.outputs) != 1 or graph.nodes[last].op not in ("SOFTMAX", "LOGISTIC"):
        return None
    return graph.replace(nodes=graph.nodes[:last], outputs=graph.nodes[last].inputs[:1])


def matrices(node: Node, graph: Graph, values: np.ndarray) -> np.ndarray:
    """Values laid out as a layer's weights -> [groups, outputs, taps]; a depthwise layer has a group per channel."""
    if node.op != "DEPTHWISE_CONV_2D":
        return values.reshape(1, values.shape[0], -1)
    channels = graph.required(node, 0).shape[3]
    return values.reshape(-1, channels, values.shape[3] // channels).transpose(1, 2, 0)


def weights(node: Node, graph: Graph, rows: np.ndarray) -> np.ndarray:
    """Inverse of `matrices`."""
    shape = graph.required(node, 1).shape
    return (rows.transpose(2, 0, 1) if node.op == "DEPTHWISE_CONV_2D" else rows).reshape(shape)


def positions(node: Node, graph: Graph) -> tuple[int, ...]:
    """[N, H, W] of a layer's output, or [rows] of a fully connected one."""
    shape = graph.output(node).shape
    return shape[:-1] if node.op != "FULLY_CONNECTED" else (graph.output(node).elements // shape[-1],)


def by_tap(node: Node, graph: Graph, channels: np.ndarray) -> np.ndarray:
    """A value for each input channel [C], as [groups or 1, 1, taps] next to what `inputs` gives."""
    if node.op == "DEPTHWISE_CONV_2D":
        return channels[:, None, None]
    taps = graph.required(node, 1).elements // graph.output(node).shape[-1]
    return np.tile(channels, taps // len(channels))[None, None]


def inputs(node: Node, graph: Graph, values: np.ndarray, places: np.ndarray, border: int) -> np.ndarray:
    """[groups, places, taps]: what a layer reads for output positions given as flat indices into `positions`; `border`
    lies around it."""
    operator = ops.registry()[node.op]
    if not isinstance(operator, Conv2D | DepthwiseConv2D):
        rows: np.ndarray = values.reshape(-1, graph.required(node, 1).shape[1])[places][None]
        return rows
    windows = operator.geometry(node, graph).windows(values, border)
    taken: np.ndarray = windows[np.unravel_index(places, windows.shape[:3])]
    if node.op == "DEPTHWISE_CONV_2D":
        return taken.reshape(len(places), -1, taken.shape[-1]).transpose(2, 0, 1)
    return taken.reshape(1, len(places), -1)
