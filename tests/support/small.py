# SPDX-License-Identifier: Apache-2.0
"""A small convolutional network in float and int8, for tests of planning and quantization."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from intarsia import calibrate, ops
from intarsia.dtypes import FLOAT32
from intarsia.ir import Attrs, Graph, Node, Tensor
from intarsia.ops.add import OPERATOR as ADD
from intarsia.ops.conv_2d import Conv2DAttrs
from intarsia.ops.depthwise_conv_2d import DepthwiseConv2DAttrs
from intarsia.ops.fully_connected import FullyConnectedAttrs
from intarsia.passes import canonicalise
from intarsia.quantize import quantize

SIZE = 12


class _Builder:
    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.tensors = [Tensor("image", (1, SIZE, SIZE, 3), FLOAT32)]
        self.nodes: list[Node] = []

    def constant(self, name: str, *shape: int, spread: float) -> int:
        data = self.random.normal(0.0, spread, shape).astype(np.float32)
        self.tensors.append(Tensor(name, shape, FLOAT32, None, data))
        return len(self.tensors) - 1

    def node(self, op: str, name: str, inputs: tuple[int, ...], attrs: Attrs) -> int:
        node = Node(op, inputs, (), attrs, name)
        (shape,) = ops.registry()[op].infer(node, Graph("g", tuple(self.tensors), (), (), ()))
        self.tensors.append(Tensor(name, shape, FLOAT32))
        self.nodes.append(replace(node, outputs=(len(self.tensors) - 1,)))
        return len(self.tensors) - 1

    def layer(self, op: str, name: str, source: int, weights: tuple[int, ...], attrs: Attrs) -> int:
        channels = weights[3] if op == "DEPTHWISE_CONV_2D" else weights[0]
        taps = int(np.prod(weights)) // channels
        kernel = self.constant(f"{name}/weights", *weights, spread=1.5 / np.sqrt(taps))
        bias = self.constant(f"{name}/bias", channels, spread=0.1)
        return self.node(op, name, (source, kernel, bias), attrs)


def float_graph(seed: int = 0) -> Graph:
    """Stem, depthwise, pointwise with a residual ADD, pointwise with stride, and a classifier of 5."""
    b = _Builder(seed)
    stem = b.layer("CONV_2D", "stem", 0, (8, 3, 3, 3), Conv2DAttrs("SAME", (2, 2), activation="RELU6"))
    deep = b.layer(
        "DEPTHWISE_CONV_2D", "deep", stem, (1, 3, 3, 8), DepthwiseConv2DAttrs("SAME", activation="RELU")
    )
    point = b.layer("CONV_2D", "point", deep, (8, 1, 1, 8), Conv2DAttrs("SAME"))
    add = b.node("ADD", "add", (point, stem), ADD.attrs())
    last = b.layer("CONV_2D", "last", add, (6, 3, 3, 8), Conv2DAttrs("SAME", (2, 2), activation="RELU"))
    scores = b.layer("FULLY_CONNECTED", "scores", last, (5, 54), FullyConnectedAttrs())
    return Graph("small", tuple(b.tensors), tuple(b.nodes), (0,), (scores,)).verify()


def samples(count: int, seed: int = 1) -> np.ndarray:
    """float32 [count, 1, SIZE, SIZE, 3]: noise with a bright patch in the upper left corner of most."""
    random = np.random.default_rng(seed)
    images = random.normal(0.0, 0.3, (count, 1, SIZE, SIZE, 3)).astype(np.float32)
    images[: max(count - 1, 1), :, 1:3, 1:3] += 2.0
    return images


def int8_graph(seed: int = 0) -> Graph:
    return quantized(float_graph(seed))


def quantized(graph: Graph) -> Graph:
    """A float graph with the nodes of `float_graph` in int8."""
    return canonicalise(quantize(graph, calibrate.calibrate(graph, [samples(16)])))


def int8_samples(graph: Graph, count: int, seed: int = 1) -> tuple[np.ndarray, ...]:
    """`samples` as codes of the int8 graph's input."""
    source = graph.tensor(graph.inputs[0])
    codes = np.round(samples(count, seed) / source.scale) + source.zero_point
    return (np.clip(codes, -128, 127).astype(np.int8),)
