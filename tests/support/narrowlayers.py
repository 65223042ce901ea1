# SPDX-License-Identifier: Apache-2.0
"""Layers below 8 bits for the kernels of every instruction set: all paths, and those that costs are measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from intarsia import ops
from intarsia.dtypes import BY_BITS, INT32
from intarsia.ir import Attrs, Graph, Node, Quantization, Tensor
from intarsia.ops._scaled_sum import SumAttrs
from intarsia.ops.conv_2d import Conv2DAttrs
from intarsia.ops.fully_connected import FullyConnectedAttrs

BITS = (8, 4, 2)
POOLS = ("MAX_POOL_2D", "AVERAGE_POOL_2D")
WIDTHS = ((4, 4, 4), (2, 4, 4), (2, 2, 2), (4, 4, 8), (2, 2, 4), (4, 4, 2))
"""Of weights, input and output: those with kernels of their own."""

SHAPES: tuple[tuple[tuple[int, int, int, int], tuple[int, int], int, dict[str, Any]], ...] = (
    ((1, 5, 4, 16), (1, 1), 8, {"activation": "RELU", "out_zero": 0}),
    ((2, 3, 3, 7), (1, 1), 5, {}),
    ((1, 1, 3, 9), (1, 1), 3, {}),
    ((1, 3, 3, 4), (1, 1), 1, {}),
    ((1, 7, 5, 36), (1, 1), 6, {"stride": (2, 2), "out_zero": 1}),
    ((1, 4, 4, 100), (1, 1), 7, {}),
    ((1, 6, 5, 16), (3, 3), 6, {"in_zero": 1}),
    ((2, 5, 8, 5), (3, 3), 4, {"padding": "VALID", "out_zero": -1}),
    ((1, 3, 17, 24), (3, 3), 3, {"activation": "RELU", "out_zero": -1}),
    ((1, 9, 8, 4), (3, 3), 4, {"dilation": (1, 2), "stride": (2, 1)}),
    ((1, 3, 3, 200), (3, 3), 3, {}),
    ((1, 4, 4, 40), (2, 3), 2, {"weights_zero": -1, "in_zero": 1}),
    ((1, 3, 5, 96), (1, 1), 6, {"extremes": False}),
    ((1, 3, 3, 64), (2, 2), 4, {"extremes": False}),
)


EXPECTED: tuple[tuple[tuple[int, int, int, int], tuple[int, int], int, dict[str, Any]], ...] = (
    ((1, 24, 24, 16), (1, 1), 32, {}),
    ((1, 6, 6, 128), (1, 1), 64, {}),
    ((1, 24, 24, 3), (3, 3), 8, {"stride": (2, 2)}),
    ((1, 9, 11, 24), (3, 3), 16, {"activation": "RELU"}),
    ((1, 12, 12, 32), (3, 3), 16, {"stride": (2, 2)}),
)


LAYERS = {
    "1x1": ((1, 12, 12, 64), (1, 1), 64),
    "3x3": ((1, 16, 16, 32), (3, 3), 32),
}
"""Layers that costs are measured on."""

POOLED = ((2, 2, (1, 16, 16, 32)), (3, 1, (1, 8, 8, 64)), (7, 7, (1, 7, 7, 64)))
"""Window, stride and input of the pooling layers that costs are measured on."""


@dataclass(frozen=True)
class Case:
    """A convolution: input shape, window, output channels, widths of weights, input and output."""

    shape: tuple[int, int, int, int]
    kernel: tuple[int, int]
    channels: int
    bits: tuple[int, int, int]
    options: dict[str, Any] = field(default_factory=dict)

    def graph(self, seed: int) -> Graph:
        """Random weights with the worst cases among them, or distributed as those of trained layers are; scales that
        spread the outputs over their codes."""
        random = np.random.default_rng(seed)
        weight, source, target = (BY_BITS[b] for b in self.bits)
        options = dict(self.options)
        zeros = {k: options.pop(k, None) for k in ("in_zero", "out_zero", "weights_zero")}
        low, high = weight.range
        shape = (self.channels, *self.kernel, self.shape[3])
        data = random.integers(low, high, shape, endpoint=True)
        if options.pop("trained", False):
            options["extremes"] = False
            data = np.clip(np.round(random.normal(0, 0.3 * (high + 1), shape)), -high, high)
        extremes = (low, high) if options.pop("extremes", True) else ()
        for channel, value in zip(range(self.channels), extremes, strict=False):
            data[channel] = value
        data[list(options.pop("constant", ()))] = 0
        weights_zero = zeros["weights_zero"] or 0
        in_zero = (
            random.integers(*source.range, endpoint=True) if zeros["in_zero"] is None else zeros["in_zero"]
        )
        out_zero = target.range[0] if zeros["out_zero"] is None else zeros["out_zero"]
        taps = data[0].size
        spread = np.sqrt(taps) * (high - low + 1) * 0.3 * 2.0**source.bits * 0.3
        scales = [float(np.float32(0.01 * random.uniform(0.5, 2))) for _ in range(self.channels)]
        if weights_zero:
            scales = [scales[0]]
        out_scale = float(np.float32(0.01 * spread / 2.0 ** (target.bits - 1)))
        bias = random.integers(-int(spread), int(spread) + 1, self.channels).astype(np.int32)
        attrs = Conv2DAttrs(**{"float_product": bool(weights_zero), **options})
        weights_quant = Quantization(tuple(scales), (weights_zero,) * len(scales), 0)
        tensors = (
            Tensor("x", self.shape, source, Quantization((1.0,), (int(in_zero),))),
            Tensor("w", data.shape, weight, weights_quant, data.astype(np.int8)),
            Tensor("b", (self.channels,), INT32, Quantization(tuple(scales), (0,) * len(scales), 0), bias),
        )
        operator = ops.registry()["CONV_2D"]
        node = Node("CONV_2D", (0, 1, 2), (3,), attrs, "conv")
        partial = Graph("case", tensors, (), (), ())
        (shape,) = operator.infer(node, partial)
        output = Tensor("y", shape, target, Quantization((out_scale,), (int(out_zero),)))
        graph = Graph("case", (*tensors, output), (node,), (0,), (3,)).verify()
        assert operator.unsupported(node, graph) is None, operator.unsupported(node, graph)
        return graph


def samples_of(graph: Graph, seed: int) -> list[list[np.ndarray]]:
    """Random codes, both extremes, and a mix of extremes."""
    random = np.random.default_rng(seed)
    tensor = graph.tensor(graph.inputs[0])
    low, high = tensor.dtype.range
    shape = tensor.shape
    return [
        [random.integers(low, high, shape, endpoint=True).astype(np.int8)],
        [np.full(shape, low, np.int8)],
        [np.full(shape, high, np.int8)],
        [random.choice([low, high], shape).astype(np.int8)],
    ]


def dense(columns: int, units: int, bits: int) -> Graph:
    """A FULLY_CONNECTED layer, all of `bits`; the lowest code is no weight, as in int8 models."""
    random, kind = np.random.default_rng(columns + units), BY_BITS[bits]
    low, high = kind.range
    data = random.integers(low + 1, high, (units, columns), endpoint=True).astype(np.int8)
    bias = random.integers(-200, 200, units).astype(np.int32)
    scale = float(np.float32(0.02 * np.sqrt(columns) * (high - low)))
    tensors = (
        Tensor("x", (1, columns), kind, Quantization((1.0,), (0,))),
        Tensor("w", data.shape, kind, Quantization((0.02,), (0,)), data),
        Tensor("b", (units,), INT32, Quantization((0.02,), (0,)), bias),
        Tensor("y", (1, units), kind, Quantization((scale,), (0,))),
    )
    return _layer("FULLY_CONNECTED", FullyConnectedAttrs(), tensors)


def pool(name: str, bits: int, window: int, stride: int, shape: tuple[int, int, int, int]) -> Graph:
    """A pooling layer with maps of `bits`, rounded as int8 layers are."""
    quantization = Quantization((0.5,), (1,))
    attrs = ops.registry()[name].attrs("SAME", (stride, stride), (window, window), "RELU")  # type: ignore[attr-defined]
    x = Tensor("x", shape, BY_BITS[bits], quantization)
    (made,) = ops.registry()[name].infer(
        Node(name, (0,), (1,), attrs, "layer"), Graph("case", (x,), (), (), ())
    )
    return _layer(name, attrs, (x, Tensor("y", made, BY_BITS[bits], quantization)))


def sums(shape: tuple[int, ...], widths: Sequence[int], seed: int, activation: str = "NONE") -> Graph:
    """An ADD layer with `widths` of both operands and the output."""
    random = np.random.default_rng(seed)
    tensors = []
    for name, bits, span in zip(("a", "b", "y"), widths, (4.0, 5.0, 7.0), strict=True):
        low, high = BY_BITS[bits].range
        zero = low if name == "y" and activation == "RELU" else int(random.integers(low // 2, high // 2))
        scale = float(np.float32(span * random.uniform(0.5, 1.5) / 2**bits))
        tensors.append(Tensor(name, shape, BY_BITS[bits], Quantization((scale,), (zero,))))
    node = Node("ADD", (0, 1), (2,), SumAttrs(activation), "add")
    graph = Graph("case", tuple(tensors), (node,), (0, 1), (2,)).verify()
    assert ops.registry()["ADD"].unsupported(node, graph) is None
    return graph


def _layer(name: str, attrs: Attrs, tensors: tuple[Tensor, ...]) -> Graph:
    output = len(tensors) - 1
    node = Node(name, tuple(range(output)), (output,), attrs, "layer")
    graph = Graph("case", tensors, (node,), (0,), (output,)).verify()
    assert ops.registry()[name].unsupported(node, graph) is None
    return graph


def ratios_of(counts: Sequence[int]) -> list[list[float]]:
    """For each layer, instructions of int8 to those of the other widths."""
    return [
        [counts[i] / count for count in counts[i + 1 : i + len(BITS)]]
        for i in range(0, len(counts), len(BITS))
    ]
