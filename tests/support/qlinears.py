# SPDX-License-Identifier: Apache-2.0
"""Networks of one operator on codes, of each kind that ONNX Runtime's static quantization writes (QOperator)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from support.onnxes import Net

RUNTIME = "com.microsoft"
IMAGE = (1, 4, 9, 7)
STEP = 0.04
"""Scale of outputs."""


class Codes:
    """A network whose inputs are quantized, and its operators on codes of `kind`."""

    def __init__(self, kind: type[np.generic]) -> None:
        self.net, self.kind = Net(17), kind
        self.zero = 0 if kind == np.int8 else 128

    def parameters(self, scale: float, zero: int | None = None) -> list[str]:
        zero = self.zero if zero is None else zero
        return [self.net.number(scale), self.net.constant(np.array(zero, self.kind))]

    def input(self, *shape: int, name: str = "x", scale: float = 0.03) -> list[str]:
        """Codes of a real input, their scale and zero point."""
        own = self.parameters(scale, self.zero - 7)
        return [str(self.net.node("QuantizeLinear", self.net.input(shape, name=name), *own)), *own]

    def weights(self, *shape: int, scale: object = 0.02) -> list[str]:
        """Codes of int8 weights, their scale and zero point."""
        data = self.net.random.integers(-127, 127, shape, endpoint=True).astype(np.int8)
        scales = np.asarray(scale, np.float32)
        return [self.net.constant(v) for v in (data, scales, np.zeros(scales.shape, np.int8))]

    def bias(self, count: int) -> str:
        return self.net.constant(self.net.random.integers(-900, 900, count).astype(np.int32))

    def result(self, codes: str, scale: float = STEP, zero: int | None = None) -> bytes:
        """The file: real values of the last codes."""
        return self.net.bytes(str(self.net.node("DequantizeLinear", codes, *self.parameters(scale, zero))))


def _convolution(depthwise: bool, per_channel: bool, bias: bool) -> Callable[[Codes], bytes]:
    def build(c: Codes) -> bytes:
        count = 4 if depthwise else 6
        scale = c.net.random.uniform(0.005, 0.02, count) if per_channel else 0.01
        kernel = c.weights(count, 1 if depthwise else 4, 3, 3, scale=scale)
        extra = [c.bias(count)] if bias else []
        options = {"pads": [1, 1, 1, 1], "strides": [2, 1], "group": 4 if depthwise else 1}
        x = c.input(*IMAGE)
        return c.result(c.net.node("QLinearConv", *x, *kernel, *c.parameters(STEP), *extra, **options))

    return build


def _matrices(per_channel: bool) -> Callable[[Codes], bytes]:
    def build(c: Codes) -> bytes:
        kernel = c.weights(20, 5, scale=np.full(5, 0.01) if per_channel else 0.01)
        return c.result(c.net.node("QLinearMatMul", *c.input(3, 20), *kernel, *c.parameters(STEP)))

    return build


def _products(c: Codes) -> bytes:
    x, y = c.input(1, 3, 5), c.input(1, 5, 4, name="y")
    return c.result(c.net.node("QLinearMatMul", *x, *y, *c.parameters(STEP)))


def _gemm(flipped: bool, real: bool) -> Callable[[Codes], bytes]:
    def build(c: Codes) -> bytes:
        scale = c.net.random.uniform(0.005, 0.02, 5)
        kernel = c.weights(*((5, 20) if flipped else (20, 5)), scale=scale)
        operands = [*c.input(2, 20), *kernel, c.bias(5), *([] if real else c.parameters(STEP))]
        y = c.net.node("QGemm", *operands, domain=RUNTIME, transB=int(flipped))
        return c.net.bytes(y) if real else c.result(y)

    return build


def _unary(op: str, scale: float, zero: int | None = None, **options: object) -> Callable[[Codes], bytes]:
    def build(c: Codes) -> bytes:
        edge = None if zero is None else zero + c.zero
        y = c.net.node(op, *c.input(*IMAGE), *c.parameters(scale, edge), domain=RUNTIME, **options)
        return c.result(y, scale, edge)

    return build


def _binary(op: str) -> Callable[[Codes], bytes]:
    def build(c: Codes) -> bytes:
        x, y = c.input(*IMAGE), c.input(*IMAGE, name="y", scale=0.02)
        return c.result(c.net.node(op, *x, *y, *c.parameters(STEP), domain=RUNTIME))

    return build


def _joined(c: Codes) -> bytes:
    x, y = c.input(*IMAGE), c.input(*IMAGE, name="y", scale=0.02)
    return c.result(c.net.node("QLinearConcat", *c.parameters(STEP), *x, *y, domain=RUNTIME, axis=1))


def written_out_gelu() -> bytes:
    """x / sqrt(2), Erf, + 1, * x, * 0.5, between conversions."""
    net = Net(17)
    x = net.quantized(net.input((4, 64)), 0.05, -3)
    inner = net.node("Add", net.node("Erf", net.node("Div", x, net.number(2**0.5))), net.number(1.0))
    whole = net.node("Mul", net.node("Mul", x, inner), net.number(0.5))
    return net.bytes(net.quantized(whole, 0.03, -100))


CASES: dict[str, tuple[str, Callable[[Codes], bytes]]] = {
    "convolution": ("QLinearConv", _convolution(False, True, True)),
    "convolution, one scale": ("QLinearConv", _convolution(False, False, True)),
    "convolution, no bias": ("QLinearConv", _convolution(False, True, False)),
    "depthwise": ("QLinearConv", _convolution(True, True, True)),
    "matrix": ("QLinearMatMul", _matrices(False)),
    "matrix, scales of columns": ("QLinearMatMul", _matrices(True)),
    "two feature maps": ("QLinearMatMul", _products),
    "gemm": (f"{RUNTIME}.QGemm", _gemm(False, False)),
    "gemm, transposed": (f"{RUNTIME}.QGemm", _gemm(True, False)),
    "gemm, real result": (f"{RUNTIME}.QGemm", _gemm(True, True)),
    "concat": (f"{RUNTIME}.QLinearConcat", _joined),
    "add": (f"{RUNTIME}.QLinearAdd", _binary("QLinearAdd")),
    "mul": (f"{RUNTIME}.QLinearMul", _binary("QLinearMul")),
    "sigmoid": (f"{RUNTIME}.QLinearSigmoid", _unary("QLinearSigmoid", 1 / 256, -128)),
    "leaky": (f"{RUNTIME}.QLinearLeakyRelu", _unary("QLinearLeakyRelu", STEP, alpha=0.1)),
    "mean": (f"{RUNTIME}.QLinearGlobalAveragePool", _unary("QLinearGlobalAveragePool", 0.01)),
    "average": (
        f"{RUNTIME}.QLinearAveragePool",
        _unary("QLinearAveragePool", 0.03, -7, kernel_shape=[3, 3], strides=[2, 2]),
    ),
    "softmax": (f"{RUNTIME}.QLinearSoftmax", _unary("QLinearSoftmax", 1 / 256, -128, axis=3, opset=17)),
}
"""The key of the operator's rule, and what writes the file."""
