# SPDX-License-Identifier: Apache-2.0
"""A graph as the ONNX file that a PyTorch exporter would write of the same network.

Channels first, weights OIHW, paddings cell by cell, activations as nodes, flattened channels first with the columns of
the next layer's weights in that order; integer layers as float layers between QuantizeLinear and DequantizeLinear.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from intarsia.ir import ABSENT, Graph, Node, Tensor
from intarsia.ops._common import EXPLICIT, Window
from support.onnxes import Net

PLACES = (0, 3, 1, 2)


def to_onnx(graph: Graph, *, unsigned: bool = False) -> bytes:
    """`unsigned`: uint8 feature maps, as many quantizers choose. Raises KeyError for operators that are not known."""
    return _Writer(graph, unsigned).run()


class _Writer:
    def __init__(self, graph: Graph, unsigned: bool) -> None:
        self.graph, self.unsigned = graph, unsigned
        self.net = Net()
        self.names: dict[int, str] = {}
        """Real values of every feature map so far."""
        self.flat: dict[int, tuple[int, ...]] = {}
        """Shapes, channels last, of maps that have been flattened."""

    def run(self) -> bytes:
        for number, index in enumerate(self.graph.inputs):
            tensor = self.graph.tensor(index)
            shape = [tensor.shape[axis] for axis in PLACES] if len(tensor.shape) == 4 else list(tensor.shape)
            name = self.net.input(shape, name=f"x{number}")
            self.names[index] = self.quantized(name, tensor)
        for node in self.graph.nodes:
            made = getattr(self, node.op.lower())(node)
            made = self.activated(made, node)
            self.names[node.outputs[0]] = self.quantized(made, self.graph.output(node))
        return self.net.bytes(*(self.names[index] for index in self.graph.outputs))

    def quantized(self, name: str, tensor: Tensor) -> str:
        if tensor.quant is None:
            return name
        shift, kind = (128, np.uint8) if self.unsigned else (0, np.int8)
        return self.net.quantized(name, tensor.scale, tensor.zero_point + shift, kind)

    def activated(self, name: str, node: Node) -> str:
        kind = getattr(node.attrs, "activation", "NONE")
        if kind == "RELU6":
            return str(self.net.node("Clip", name, self.net.number(0.0), self.net.number(6.0)))
        return str(self.net.node("Relu", name)) if kind == "RELU" else name

    def source(self, node: Node, position: int = 0) -> str:
        return self.names[node.inputs[position]]

    def constant(self, node: Node, position: int, data: np.ndarray, axis: int) -> str:
        """Real values of a constant whose data lie as ONNX has them, scales along `axis`."""
        quant = self.graph.required(node, position).quant
        if quant is None:
            return self.net.constant(data)
        scale = quant.scale if quant.per_channel else quant.scale[0]
        return self.net.codes(
            data, scale, quant.zero_point if quant.per_channel else quant.zero_point[0], axis
        )

    def bias(self, node: Node) -> list[str]:
        if len(node.inputs) < 3 or node.inputs[2] == ABSENT:
            return []
        quant, data = self.graph.required(node, 2).quant, self.graph.constant(node, 2)
        weights = self.graph.required(node, 1).quant
        if data.dtype == np.float32 or weights is None:
            return [self.net.constant(data)]
        scale = np.array(weights.scale, np.float64) * self.graph.required(node, 0).scale
        assert quant is None or np.allclose(quant.scale, scale, rtol=1e-4)
        return [self.net.codes(data, scale.astype(np.float32) if len(scale) > 1 else np.float32(scale[0]))]

    def windows(self, node: Node, size: tuple[int, int]) -> dict[str, Any]:
        attrs: Any = node.attrs
        dilation = getattr(attrs, "dilation", (1, 1))
        pads = list(attrs.pads) if attrs.padding == EXPLICIT else []
        shape, out = self.graph.required(node, 0).shape, self.graph.output(node).shape
        for axis in (0, 1) if not pads else ():
            reach = (size[axis] - 1) * dilation[axis] + 1
            args = (shape[1 + axis], size[axis], attrs.stride[axis], dilation[axis], attrs.padding)
            before = Window.of(*args).before
            behind = (out[1 + axis] - 1) * attrs.stride[axis] + reach - shape[1 + axis] - before
            pads += [before, max(behind, 0)]
        found: dict[str, Any] = {"pads": [pads[0], pads[2], pads[1], pads[3]], "strides": list(attrs.stride)}
        return found | (
            {"dilations": list(dilation)} if hasattr(attrs, "dilation") else {"kernel_shape": list(size)}
        )

    def conv_2d(self, node: Node) -> str:
        data = self.graph.constant(node, 1)
        kernel = self.constant(node, 1, data.transpose(0, 3, 1, 2), 0)
        window = self.windows(node, (data.shape[1], data.shape[2]))
        return str(self.net.node("Conv", self.source(node), kernel, *self.bias(node), **window))

    def depthwise_conv_2d(self, node: Node) -> str:
        data = self.graph.constant(node, 1)
        kernel = self.constant(node, 1, data.transpose(3, 0, 1, 2), 0)
        window = self.windows(node, (data.shape[1], data.shape[2]))
        group = self.graph.required(node, 0).shape[3]
        return str(self.net.node("Conv", self.source(node), kernel, *self.bias(node), group=group, **window))

    def fully_connected(self, node: Node) -> str:
        data, name = self.graph.constant(node, 1), self.source(node)
        shape = self.flat.get(node.inputs[0])
        tensor = self.graph.required(node, 0)
        if shape is None and len(tensor.shape) == 4:
            shape, name = tensor.shape, str(self.net.node("Flatten", name))
        if shape is not None:
            data = data.reshape(-1, *shape[1:]).transpose(PLACES).reshape(data.shape)
        return str(self.net.node("Gemm", name, self.constant(node, 1, data, 0), *self.bias(node), transB=1))

    def reshape(self, node: Node) -> str:
        shape, out = self.graph.required(node, 0).shape, self.graph.output(node).shape
        if len(shape) == 4 and len(out) == 2:
            self.flat[node.outputs[0]] = shape
        elif len(out) == 4:
            out = tuple(out[axis] for axis in PLACES)
        return str(self.net.node("Reshape", self.source(node), self.net.ints(*out)))

    def pool(self, op: str, node: Node) -> str:
        attrs: Any = node.attrs
        return str(self.net.node(op, self.source(node), **self.windows(node, attrs.window)))

    def max_pool_2d(self, node: Node) -> str:
        return self.pool("MaxPool", node)

    def average_pool_2d(self, node: Node) -> str:
        return self.pool("AveragePool", node)

    def mean(self, node: Node) -> str:
        attrs: Any = node.attrs
        places = {0: 0, 1: 2, 2: 3, 3: 1}
        axes = [places[int(a) % 4] for a in self.graph.constant(node, 1)]
        return str(self.net.node("ReduceMean", self.source(node), axes=axes, keepdims=int(attrs.keep_dims)))

    def add(self, node: Node) -> str:
        return str(self.net.node("Add", self.source(node), self.source(node, 1)))

    def softmax(self, node: Node) -> str:
        return str(self.net.node("Softmax", self.source(node)))

    def relu(self, node: Node) -> str:
        return str(self.net.node("Relu", self.source(node)))

    def logistic(self, node: Node) -> str:
        return str(self.net.node("Sigmoid", self.source(node)))
