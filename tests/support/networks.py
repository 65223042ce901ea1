# SPDX-License-Identifier: Apache-2.0
"""Random small vision networks: windows of all kinds, residual additions, joined channels, borders, several readers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from intarsia import ops
from intarsia.dtypes import INT8
from intarsia.ir import Attrs, Graph, Node, Quantization, Tensor
from intarsia.ops._cases import Case
from intarsia.ops._scaled_sum import SumAttrs
from intarsia.ops.base import Draw
from intarsia.ops.concatenation import ConcatenationAttrs
from intarsia.ops.conv_2d import Conv2DAttrs
from intarsia.ops.depthwise_conv_2d import DepthwiseConv2DAttrs

DILATIONS = ((1, 1), (1, 1), (2, 1), (1, 2))


class Network(Case):
    """Builds a network layer by layer; every method returns the tensor that the layer makes."""

    def __init__(self, draw: Draw, shape: Sequence[int], dtype: str = "int8") -> None:
        super().__init__(draw)
        self.nodes: list[Node] = []
        self.source = self.input(shape, dtype, name="image")

    def shape(self, tensor: int) -> tuple[int, ...]:
        return self.tensors[tensor].shape

    def finish(self, *outputs: int) -> Graph:
        graph = Graph("net", tuple(self.tensors), tuple(self.nodes), (self.source,), outputs).verify()
        for node in graph.nodes:
            fault = ops.registry()[node.op].unsupported(node, graph)
            assert fault is None, f"{node.op}: {fault}"
        return graph

    def layer(self, op: str, inputs: Sequence[int], attrs: Attrs, quant: Quantization | None = None) -> int:
        node = Node(op, tuple(inputs), (), attrs, f"{op.lower()}{len(self.nodes)}")
        (shape,) = ops.registry()[op].infer(node, Graph("net", tuple(self.tensors), (), (), ()))
        kind = self.tensors[inputs[0]].dtype
        if kind.is_integer and quant is None:
            quant = self.output_quant(node)
        out = self.add(Tensor(f"t{len(self.tensors)}", shape, kind, quant))
        self.nodes.append(Node(op, node.inputs, (out,), attrs, node.name))
        return out

    def padding(self, x: int, reach: tuple[int, int]) -> str:
        fits = all(n >= r for n, r in zip(self.shape(x)[1:3], reach, strict=True))
        return str(self.draw.choice(("SAME", "VALID") if fits else ("SAME",)))

    def conv(
        self, x: int, channels: int | None = None, *, same: bool = False, quant: Quantization | None = None
    ) -> int:
        """A convolution; `same` keeps rows and columns."""
        draw, channels = self.draw, channels or self.draw.integer(1, 6)
        kernel = (draw.choice((3, 1, 2, 5, 4)), draw.choice((3, 1, 2, 5)))
        dilation = draw.choice(DILATIONS)
        stride = (1, 1) if same else (draw.integer(1, 3), draw.integer(1, 2))
        reach = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))
        padding = "SAME" if same else self.padding(x, (reach[0], reach[1]))
        weights = self.weights(x, (channels, *kernel, self.shape(x)[3]), axis=0)
        inputs = [x, weights, self.bias(x, weights, channels)]
        activation = draw.choice(("NONE", "RELU", "RELU6"))
        return self.layer("CONV_2D", inputs, Conv2DAttrs(padding, stride, dilation, activation), quant)

    def pointwise(self, x: int, channels: int, quant: Quantization | None = None) -> int:
        weights = self.weights(x, (channels, 1, 1, self.shape(x)[3]), axis=0)
        inputs = [x, weights, self.bias(x, weights, channels)]
        return self.layer("CONV_2D", inputs, Conv2DAttrs("VALID"), quant)

    def depthwise(self, x: int, *, same: bool = False) -> int:
        draw = self.draw
        kernel = (draw.choice((3, 5, 2, 7)), draw.choice((3, 1, 4, 5)))
        stride = (1, 1) if same else (draw.integer(1, 3), draw.integer(1, 2))
        multiplier = 1 if same else draw.choice((1, 1, 2))
        padding = "SAME" if same else self.padding(x, kernel)
        channels = self.shape(x)[3] * multiplier
        weights = self.weights(x, (1, *kernel, channels), axis=3)
        inputs = [x, weights, self.bias(x, weights, channels)]
        attrs = DepthwiseConv2DAttrs(padding, stride, multiplier=multiplier)
        return self.layer("DEPTHWISE_CONV_2D", inputs, attrs)

    def pool(self, x: int) -> int:
        draw = self.draw
        op = draw.choice(("MAX_POOL_2D", "AVERAGE_POOL_2D"))
        window = (draw.choice((2, 3, 1)), draw.choice((2, 3, 4)))
        stride = (draw.integer(1, 2), draw.integer(1, 3))
        attrs = ops.registry()[op].attrs(self.padding(x, window), stride, window)  # type: ignore[call-arg]
        return self.layer(op, [x], attrs, self.tensors[x].quant)

    def border(self, x: int) -> int:
        """An explicit PAD of rows and columns, in front of a convolution that would see nothing but border else."""
        draw = self.draw
        pads = [
            [0, 0],
            [draw.integer(0, 2), draw.integer(0, 2)],
            [draw.integer(0, 2), draw.integer(0, 1)],
            [0, 0],
        ]
        paddings = self.constant(np.array(pads, np.int32))
        padded = self.layer("PAD", [x, paddings], Attrs(), self.tensors[x].quant)
        weights = self.weights(padded, (3, 3, 3, self.shape(x)[3]), axis=0)
        inputs = [padded, weights, self.bias(padded, weights, 3)]
        return self.layer("CONV_2D", inputs, Conv2DAttrs("SAME", (1, 1)))

    def sum(self, a: int, b: int) -> int:
        quant = None
        if self.tensors[a].dtype.is_integer:
            scale = float(np.float32(max(self.tensors[a].scale, self.tensors[b].scale) * 1.5))
            quant = Quantization((scale,), (self.zero_point(INT8),))
        return self.layer("ADD", [a, b], SumAttrs(self.draw.choice(("NONE", "RELU"))), quant)

    def residual(self, x: int) -> int:
        """x + layers(x), where some of the layers have windows."""
        channels = self.shape(x)[3]
        y = self.pointwise(x, self.draw.integer(1, 8))
        y = self.depthwise(y, same=True) if self.draw.choice((True, False)) else self.conv(y, same=True)
        y = self.pointwise(y, channels)
        return self.sum(x, y) if self.draw.choice((True, False)) else self.sum(y, x)

    def joined(self, x: int) -> int:
        """Channels of two or three layers that read the same map, joined."""
        quant = self.quant(INT8) if self.tensors[x].dtype.is_integer else None
        if quant is not None:
            quant = Quantization((self.tensors[x].scale * 4.0,), quant.zero_point)
        parts = [self.conv(x, same=True, quant=quant), self.pointwise(x, 2, quant)]
        if self.draw.choice((True, False)):
            parts.append(self.conv(x, same=True, quant=quant))
        return self.layer("CONCATENATION", parts, ConcatenationAttrs(3), quant)

    def table(self, x: int) -> int:
        """An activation of its own layer."""
        if self.tensors[x].dtype.is_float:
            return self.layer("RELU6", [x], Attrs())
        return self.layer("RELU", [x], Attrs(), self.tensors[x].quant)


def network(draw: Draw) -> Graph:
    """A network of two to five blocks, and a tail that reads the last map twice."""
    shape = (1, draw.integer(9, 21), draw.integer(9, 21), draw.integer(1, 4))
    net = Network(draw, shape, draw.choice(("int8", "int8", "int8", "float32")))
    x = net.source
    blocks = (net.conv, net.residual, net.depthwise, net.joined, net.pool, net.border, net.table)
    for _ in range(draw.integer(2, 5)):
        block = draw.choice(blocks)
        if min(net.shape(x)[1:3]) < 4:
            block = draw.choice((net.residual, net.table))
        x = block(x)
    return net.finish(net.residual(x))
