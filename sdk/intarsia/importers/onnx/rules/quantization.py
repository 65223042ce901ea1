# SPDX-License-Identifier: Apache-2.0
"""QuantizeLinear and DequantizeLinear. uint8 codes become int8 codes, 128 less, which mean the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from intarsia import dtypes
from intarsia.importers.onnx import weights
from intarsia.importers.onnx.call import Call, Refused, Rule
from intarsia.importers.onnx.values import Known, Map, Value
from intarsia.ir import Quantization

PER_TENSOR = "quantize feature maps per tensor"


def _parameters(call: Call, rank: int) -> tuple[Quantization, np.dtype[np.generic] | None]:
    """Scale and zero point, and the type of the zero point. Raises Refused."""
    scale = call.known(1, "the scale").real().reshape(-1)
    zero = call.known(2, "the zero point").data if call.operand(2) is not None else None
    points = np.zeros(scale.size, np.int64) if zero is None else zero.reshape(-1).astype(np.int64)
    if points.size != scale.size or call.integer("block_size", 0) or not scale.size:
        raise Refused("scales in blocks", "quantize per tensor or per channel")
    if not np.isfinite(scale).all() or (scale <= 0).any():
        raise Refused("a scale that is not a positive number")
    axis = call.axis(call.integer("axis", 1), rank) if scale.size > 1 else 0
    quant = Quantization(tuple(float(np.float32(s)) for s in scale), tuple(int(z) for z in points), axis)
    return quant, None if zero is None else zero.dtype


def quantize(call: Call) -> Value:
    value, builder = call.value(0), call.builder
    quant, kind = _parameters(call, len(value.shape) if isinstance(value, Known) else value.rank)
    kind = kind or np.dtype(np.uint8)
    if isinstance(value, Known):
        return _codes(value, quant, kind)
    if quant.per_channel:
        raise Refused("a feature map with a scale per channel", PER_TENSOR)
    if kind.name not in ("int8", "uint8", "int16"):
        raise Refused(f"a feature map of {kind.name}", "quantize feature maps to int8 or uint8")
    if kind == np.uint8:
        quant = replace(quant, zero_point=(quant.zero_point[0] - 128,))
    target = dtypes.INT16 if kind == np.int16 else dtypes.INT8
    return Map(builder.emit("QUANTIZE", [value.tensor], dtype=target, quant=quant), value.view)


def _codes(value: Known, quant: Quantization, kind: np.dtype[np.generic]) -> Known:
    """Codes of a constant, rounded half to even as ONNX does."""
    if kind.kind not in "iu":
        raise Refused(f"a constant of {kind.name}")
    shape = [1] * value.data.ndim
    if quant.per_channel:
        if value.data.shape[quant.axis] != len(quant.scale):
            raise Refused(f"{len(quant.scale)} scales for {list(value.shape)}")
        shape[quant.axis] = -1
    scale = np.array(quant.scale, np.float32).reshape(shape)
    zero = np.array(quant.zero_point, np.float64).reshape(shape)
    limits = np.iinfo(kind.name)
    with np.errstate(over="ignore", invalid="ignore"):
        steps = np.rint((value.real().astype(np.float32) / scale).astype(np.float64)) + zero
    if np.isnan(steps).any():
        raise Refused("a constant that is not a number")
    codes = np.clip(steps, limits.min, limits.max)
    return Known(value.name, codes.astype(kind), quant)


def dequantize(call: Call) -> Value:
    value, builder = call.value(0), call.builder
    quant, _ = _parameters(call, len(value.shape) if isinstance(value, Known) else value.rank)
    if isinstance(value, Known):
        if value.data.dtype.kind not in "iu":
            raise Refused(f"a constant of {value.data.dtype.name}")
        if quant.per_channel and value.data.shape[quant.axis] != len(quant.scale):
            raise Refused(f"{len(quant.scale)} scales for {list(value.shape)}")
        return Known(value.name, value.data, quant)
    if quant.per_channel:
        raise Refused("a feature map with a scale per channel", PER_TENSOR)
    tensor = builder.tensors[value.tensor]
    if tensor.quant is None:
        builder.tensors[value.tensor] = tensor = replace(tensor, quant=quant)
    if tensor.dtype == dtypes.UINT8:
        shifted = replace(quant, zero_point=(quant.zero_point[0] - 128,))
        value = Map(builder.emit("QUANTIZE", [value.tensor], dtype=dtypes.INT8, quant=shifted), value.view)
    elif tensor.dtype == dtypes.INT8 and tensor.quant != quant:
        shifted = replace(quant, zero_point=(quant.zero_point[0] - 128,))
        if tensor.quant != shifted:
            raise Refused(
                "codes with another scale or zero point than they were made with", "export the model again"
            )
    return Map(weights.dequantized(builder, value.tensor), value.view)


RULES = (
    Rule(
        "QuantizeLinear",
        ("QUANTIZE",),
        quantize,
        "int8, uint8 and int16, per tensor; constants per channel too",
    ),
    Rule(
        "DequantizeLinear",
        ("DEQUANTIZE", "QUANTIZE"),
        dequantize,
        "as QuantizeLinear; constants of int4 and int32, too",
    ),
)
