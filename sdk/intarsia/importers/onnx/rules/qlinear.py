# SPDX-License-Identifier: Apache-2.0
"""Operators on codes, as ONNX Runtime's static quantization writes them in its format QOperator: each stands for
DequantizeLinear, the operator on real values and QuantizeLinear, and is translated as these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from intarsia.importers.onnx import rules
from intarsia.importers.onnx.call import Call, Refused, Rule
from intarsia.importers.onnx.rules import quantization
from intarsia.importers.onnx.values import Known, Value
from intarsia.ir import Quantization

RUNTIME = "com.microsoft."
"""Domain of the operators that ONNX Runtime adds."""
CONVERSIONS = ("DEQUANTIZE", "QUANTIZE")
UNARY = {
    "QLinearSigmoid": ("Sigmoid", ("LOGISTIC",)),
    "QLinearLeakyRelu": ("LeakyRelu", ("LEAKY_RELU",)),
    "QLinearAveragePool": ("AveragePool", ("AVERAGE_POOL_2D", "PAD")),
    "QLinearGlobalAveragePool": ("GlobalAveragePool", ("MEAN",)),
    "QLinearSoftmax": ("Softmax", ("SOFTMAX",)),
}
"""The operator on real values, and what that becomes."""
BINARY = {"QLinearAdd": ("Add", ("ADD",)), "QLinearMul": ("Mul", ("MUL",))}


def _real(call: Call, position: int, axis: int = 1) -> Value:
    """The real values of codes at `position`, followed by their scale and zero point."""
    operands = (call.value(position), call.value(position + 1), call.operand(position + 2))
    return quantization.dequantize(replace(call, operands=operands, attributes={"axis": axis}))


def _codes(call: Call, value: Value, position: int) -> Value:
    """The codes of real values under the scale at `position` and the zero point behind it."""
    operands = (value, call.value(position), call.operand(position + 1))
    return quantization.quantize(replace(call, operands=operands, attributes={}))


def _computed(call: Call, name: str, operands: Sequence[Value | None], attributes: dict[str, Any]) -> Value:
    """What an operator on real values becomes."""
    rule = rules.registry()[name]
    result = rule.translate(replace(call, operands=tuple(operands), attributes=attributes))
    assert not isinstance(result, Sequence)
    return result


def _attributes(call: Call) -> dict[str, Any]:
    """Those of the operator on real values. Raises Refused."""
    attributes = dict(call.attributes)
    if attributes.pop("channels_last", 0):
        raise Refused("channels_last 1", "quantize the model before its layout is changed")
    opset = attributes.pop("opset", call.opset)
    if (opset < 13) != (call.opset < 13):
        raise Refused(f"an operator of opset {opset} in a model of opset {call.opset}")
    return attributes


def unary(name: str) -> Rule:
    real, makes = UNARY[name]

    def translate(call: Call) -> Value:
        return _codes(call, _computed(call, real, [_real(call, 0)], _attributes(call)), 3)

    return Rule(RUNTIME + name, (*makes, *CONVERSIONS), translate)


def binary(name: str) -> Rule:
    real, makes = BINARY[name]

    def translate(call: Call) -> Value:
        return _codes(call, _computed(call, real, [_real(call, 0), _real(call, 3)], {}), 6)

    return Rule(RUNTIME + name, (*makes, *CONVERSIONS), translate)


def _bias(call: Call, position: int, channels: int) -> Known | None:
    """A bias in the scale of the products of input and weights. Raises Refused."""
    if call.operand(position) is None:
        return None
    codes, source, weights = (
        call.known(i, what) for i, what in ((position, "the bias"), (1, "the scale"), (4, "the scale"))
    )
    scales = source.real().reshape(-1)[:1] * weights.real().reshape(-1)
    if codes.data.dtype != np.int32 or codes.data.size != channels or scales.size not in (1, channels):
        raise Refused(f"a bias of {codes.data.dtype.name} {list(codes.shape)}")
    quant = Quantization(tuple(float(s) for s in scales), (0,) * scales.size)
    return Known(codes.name, codes.data.reshape(-1), quant)


def convolution(call: Call) -> Value:
    weights = _real(call, 3, axis=0)
    if not isinstance(weights, Known) or not weights.data.ndim:
        raise Refused("the weights must be constant")
    bias = _bias(call, 8, weights.shape[0])
    return _codes(call, _computed(call, "Conv", [_real(call, 0), weights, bias], call.attributes), 6)


def matrices(call: Call) -> Value:
    return _codes(call, _computed(call, "MatMul", [_real(call, 0), _real(call, 3)], {}), 6)


def gemm(call: Call) -> Value:
    attributes = {name: call.attributes[name] for name in ("alpha", "transA", "transB") if call.has(name)}
    axis = 0 if call.integer("transB", 0) else 1
    weights = _real(call, 3, axis=axis)
    if not isinstance(weights, Known) or weights.data.ndim != 2:
        raise Refused("the weights must be a constant matrix")
    bias = _bias(call, 6, weights.shape[axis])
    if bias is not None and call.number("alpha", 1.0) != 1.0:
        raise Refused("alpha together with a bias", "put alpha into the scale of the weights")
    result = _computed(call, "Gemm", [_real(call, 0), weights, bias], attributes)
    return result if call.operand(7) is None else _codes(call, result, 7)


def concatenation(call: Call) -> Value:
    if len(call.operands) % 3 != 2:
        raise Refused(f"{len(call.operands)} operands")
    parts = [_real(call, position) for position in range(2, len(call.operands), 3)]
    return _codes(call, _computed(call, "Concat", parts, call.attributes), 0)


STATIC = "quantize the model statically (onnxruntime.quantization.quantize_static), not dynamically"
REMEDIES = dict.fromkeys(
    ("DynamicQuantizeLinear", "MatMulInteger", "ConvInteger", f"{RUNTIME}DynamicQuantizeLSTM"), STATIC
)
RULES = (
    Rule(
        "QLinearConv", ("CONV_2D", "DEPTHWISE_CONV_2D", "SPLIT", "CONCATENATION", *CONVERSIONS), convolution
    ),
    Rule("QLinearMatMul", ("FULLY_CONNECTED", "BATCH_MATMUL", *CONVERSIONS), matrices),
    Rule(f"{RUNTIME}QGemm", ("FULLY_CONNECTED", *CONVERSIONS), gemm),
    Rule(f"{RUNTIME}QLinearConcat", ("CONCATENATION", *CONVERSIONS), concatenation),
    *(unary(name) for name in UNARY),
    *(binary(name) for name in BINARY),
)
