# SPDX-License-Identifier: Apache-2.0
"""Activations and other functions of one value."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from intarsia.importers.onnx.call import Call, Refused, Rule, scalar
from intarsia.importers.onnx.values import Map
from intarsia.ir import Attrs
from intarsia.ops.gelu import GeluAttrs
from intarsia.ops.leaky_relu import LeakyReluAttrs
from intarsia.ops.softmax import SoftmaxAttrs

CLIPS = {(0.0, math.inf): "RELU", (0.0, 6.0): "RELU6", (-1.0, 1.0): "RELU_N1_TO_1", (0.0, 1.0): "RELU_0_TO_1"}


def simple(name: str, op: str) -> Rule:
    """A function that a Graph has as well."""

    def translate(call: Call) -> Map:
        source = call.map(0)
        return Map(call.builder.emit(op, [source.tensor]), source.view)

    return Rule(name, (op,), translate)


def _with(call: Call, op: str, tensor: int, value: float, *, first: bool = False) -> int:
    """An operator of a tensor and a number."""
    number = call.builder.constant(np.array([value], np.float32))
    return call.builder.emit(op, [number, tensor] if first else [tensor, number])


def clip(call: Call) -> Map:
    low, high = _limits(call)
    source = call.map(0)
    tensor = source.tensor
    if (low, high) in CLIPS:
        return Map(call.builder.emit(CLIPS[low, high], [tensor]), source.view)
    if low != -math.inf:
        tensor = _with(call, "MAXIMUM", tensor, low)
    if high != math.inf:
        tensor = _with(call, "MINIMUM", tensor, high)
    return Map(tensor, source.view)


def _limits(call: Call) -> tuple[float, float]:
    largest = float(np.finfo(np.float32).max)
    found = []
    for position, name, default in ((1, "min", -math.inf), (2, "max", math.inf)):
        value = call.number(name, default)
        if call.operand(position) is not None:
            limit = scalar(call.known(position, "the limits"))
            if limit is None:
                raise Refused("limits that are not single numbers")
            value = limit
        found.append(math.copysign(math.inf, value) if abs(value) >= largest else float(np.float32(value)))
    return found[0], found[1]


def leaky(call: Call) -> Map:
    source = call.map(0)
    attrs = LeakyReluAttrs(float(np.float32(call.number("alpha", 0.01))))
    return Map(call.builder.emit("LEAKY_RELU", [source.tensor], attrs), source.view)


def prelu(call: Call) -> Map:
    source, slope = call.map(0), call.known(1, "the slopes")
    value = scalar(slope)
    if value is not None:
        attrs = LeakyReluAttrs(float(np.float32(value)))
        return Map(call.builder.emit("LEAKY_RELU", [source.tensor], attrs), source.view)
    separated = call.builder.separated(source)
    laid = call.builder.laid_like(slope.real().astype(np.float32), separated)
    if laid is None:
        raise Refused(f"slopes {list(slope.shape)} for {list(call.builder.logical(source))}")
    alpha = call.builder.constant(laid.reshape(laid.shape[1:]), name=slope.name)
    return Map(call.builder.emit("PRELU", [separated.tensor, alpha]), separated.view)


def softmax(op: str, attrs: Callable[[], Attrs]) -> Callable[[Call], Map]:
    def translate(call: Call) -> Map:
        source, builder = call.map(0), call.builder
        axis = call.axis(call.integer("axis", 1 if call.opset < 13 else -1), source.rank)
        shape = builder.logical(source)
        if call.opset < 13 and math.prod(shape[axis + 1 :]) != 1:
            raise Refused("rows over several axes", "export with opset_version=13 or newer")
        order = [a for a in _order(call, source) if a != axis]
        moved = builder.ordered(source, [*order, axis])
        return Map(builder.emit(op, [moved.tensor], attrs()), moved.view)

    return translate


def _order(call: Call, source: Map) -> list[int]:
    separated = call.builder.separated(source)
    return sorted(range(source.rank), key=lambda axis: separated.view[axis])


def hard_sigmoid(call: Call) -> Map:
    source = call.map(0)
    return Map(
        _hard_sigmoid(call, source.tensor, call.number("alpha", 0.2), call.number("beta", 0.5)), source.view
    )


def _hard_sigmoid(call: Call, tensor: int, alpha: float, beta: float) -> int:
    line = _with(call, "ADD", _with(call, "MUL", tensor, alpha), beta)
    return call.builder.emit("RELU_0_TO_1", [line])


def elu(call: Call) -> Map:
    """max(x, 0) + alpha * (exp(min(x, 0)) - 1)."""
    source, alpha = call.map(0), call.number("alpha", 1.0)
    if alpha == 1.0:
        return Map(call.builder.emit("ELU", [source.tensor]), source.view)
    return Map(_elu(call, source.tensor, alpha, 1.0), source.view)


def selu(call: Call) -> Map:
    source = call.map(0)
    alpha, gamma = call.number("alpha", 1.6732632423543772), call.number("gamma", 1.0507009873554805)
    return Map(_elu(call, source.tensor, alpha, gamma), source.view)


def _elu(call: Call, tensor: int, alpha: float, gamma: float) -> int:
    builder = call.builder
    below = builder.emit("EXP", [_with(call, "MINIMUM", tensor, 0.0)])
    below = _with(call, "ADD", _with(call, "MUL", below, alpha * gamma), -alpha * gamma)
    above = builder.emit("RELU", [tensor])
    return builder.emit("ADD", [above if gamma == 1.0 else _with(call, "MUL", above, gamma), below])


def swish(call: Call) -> Map:
    """x * sigmoid(alpha * x)."""
    source, builder, alpha = call.map(0), call.builder, call.number("alpha", 1.0)
    inner = source.tensor if alpha == 1.0 else _with(call, "MUL", source.tensor, alpha)
    return Map(builder.emit("MUL", [source.tensor, builder.emit("LOGISTIC", [inner])]), source.view)


def gelu(call: Call) -> Map:
    source, approximate = call.map(0), call.text("approximate", "none")
    if approximate not in ("none", "tanh"):
        raise Refused(f"the approximation '{approximate}'; none and tanh are supported")
    attrs = GeluAttrs(approximate == "tanh")
    return Map(call.builder.emit("GELU", [source.tensor], attrs), source.view)


def fast_gelu(call: Call) -> Map:
    """ONNX Runtime's name of the approximation by tanh."""
    if call.operand(1) is not None:
        raise Refused("a bias inside", "write the bias as an Add before it")
    source = call.map(0)
    return Map(call.builder.emit("GELU", [source.tensor], GeluAttrs(True)), source.view)


def softsign(call: Call) -> Map:
    source, builder = call.map(0), call.builder
    below = _with(call, "ADD", builder.emit("ABS", [source.tensor]), 1.0)
    return Map(builder.emit("DIV", [source.tensor, below]), source.view)


def power(call: Call) -> Map:
    source, exponent = call.map(0), scalar(call.known(1, "the exponent"))
    builder, x = call.builder, source.tensor
    square = {2.0: "SQUARE", 0.5: "SQRT", -0.5: "RSQRT"}
    if exponent in square:
        return Map(builder.emit(square[exponent], [x]), source.view)
    if exponent in (3.0, 4.0):
        double = builder.emit("SQUARE", [x])
        return Map(builder.emit("MUL", [double, x if exponent == 3.0 else double]), source.view)
    if exponent == 1.0:
        return source
    if exponent == -1.0:
        return Map(_with(call, "DIV", x, 1.0, first=True), source.view)
    raise Refused(f"an exponent of {exponent}; -1, -0.5, 0.5, 1, 2, 3 and 4 are supported")


def reciprocal(call: Call) -> Map:
    source = call.map(0)
    return Map(_with(call, "DIV", source.tensor, 1.0, first=True), source.view)


REMEDIES = {
    "Erf": "Erf is supported in the GELU 0.5 * x * (1 + erf(x / sqrt(2))) alone, with no quantization inside",
    "Softplus": "replace Softplus (and Mish, which contains it) by Relu or HardSwish",
    "Mish": "replace Mish by HardSwish",
}

RULES = (
    simple("Relu", "RELU"),
    simple("Sigmoid", "LOGISTIC"),
    simple("Tanh", "TANH"),
    simple("HardSwish", "HARD_SWISH"),
    simple("Exp", "EXP"),
    simple("Sqrt", "SQRT"),
    simple("Abs", "ABS"),
    simple("Neg", "NEG"),
    simple("Round", "ROUND"),
    Rule("Clip", (*CLIPS.values(), "MAXIMUM", "MINIMUM"), clip, "constant limits"),
    Rule("LeakyRelu", ("LEAKY_RELU",), leaky),
    Rule("PRelu", ("PRELU", "LEAKY_RELU"), prelu, "constant slopes"),
    Rule("Softmax", ("SOFTMAX",), softmax("SOFTMAX", SoftmaxAttrs)),
    Rule("LogSoftmax", ("LOG_SOFTMAX",), softmax("LOG_SOFTMAX", Attrs)),
    Rule("HardSigmoid", ("MUL", "ADD", "RELU_0_TO_1"), hard_sigmoid),
    Rule("Elu", ("ELU", "MINIMUM", "EXP", "MUL", "ADD", "RELU"), elu),
    Rule("Selu", ("MINIMUM", "EXP", "MUL", "ADD", "RELU"), selu),
    Rule("Swish", ("MUL", "LOGISTIC"), swish),
    Rule("Gelu", ("GELU",), gelu, "also where it is written with Erf"),
    Rule("com.microsoft.Gelu", ("GELU",), gelu),
    Rule("com.microsoft.FastGelu", ("GELU",), fast_gelu, "without a bias"),
    Rule("Softsign", ("ABS", "ADD", "DIV"), softsign),
    Rule(
        "Pow",
        ("SQUARE", "SQRT", "RSQRT", "MUL", "DIV"),
        power,
        "constant exponents -1, -0.5, 0.5, 1, 2, 3, 4",
    ),
    Rule("Reciprocal", ("DIV",), reciprocal),
)
