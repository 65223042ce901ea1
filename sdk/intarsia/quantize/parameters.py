# SPDX-License-Identifier: Apache-2.0
"""Scales, zero points and codes of 8-bit feature maps, weights and biases, as TFLite files state them."""

from __future__ import annotations

import numpy as np

from intarsia.dtypes import INT8, INT32
from intarsia.fixedpoint import INT32_MAX
from intarsia.ir import Quantization, Tensor

WEIGHT_LIMIT = 127
BIAS_LIMIT = INT32_MAX // 2
"""Largest bias code: half of int32, which leaves the other half to the products."""
_TINY = 1e-30


def activation(low: float, high: float) -> Quantization:
    """Asymmetric int8 over [low, high], widened to hold zero, which gets an exact code. All zero: scale 1."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = float(np.float32((high - low) / 255.0))
    if scale < _TINY:
        return Quantization((1.0,), (0,))
    zero_point = int(np.clip(np.round(-128.0 - low / scale), -128, 127))
    return Quantization((scale,), (zero_point,))


def codes(data: np.ndarray, quantization: Quantization) -> np.ndarray:
    """int8 codes of real values, rounded half away from zero and saturated."""
    scaled = data.astype(np.float64) / quantization.scale[0]
    rounded = np.copysign(np.floor(np.abs(scaled) + 0.5), scaled) + quantization.zero_point[0]
    result: np.ndarray = np.clip(rounded, -128, 127).astype(np.int8)
    return result


def constant(tensor: Tensor, quantization: Quantization) -> Tensor:
    """A float constant as an int8 one."""
    assert tensor.data is not None
    return Tensor(tensor.name, tensor.shape, INT8, quantization, codes(tensor.data, quantization))


def weights(tensor: Tensor, axis: int | None, bias: np.ndarray | None, input_scale: float) -> Tensor:
    """Symmetric int8 weights, one scale per index of `axis` or one for all (None).

    A scale grows beyond max|w| / 127 where the bias of its channel would otherwise leave int32.
    """
    assert tensor.data is not None
    rows = tensor.data.astype(np.float64)
    rows = rows.reshape(1, -1) if axis is None else np.moveaxis(rows, axis, 0).reshape(rows.shape[axis], -1)
    scales = np.abs(rows).max(axis=1) / WEIGHT_LIMIT
    if bias is not None and bias.size:
        needed = np.abs(bias.astype(np.float64)) / (input_scale * BIAS_LIMIT)
        scales = np.maximum(scales, needed.max() if axis is None else needed)
    scales = np.where(scales < _TINY, max(float(scales.max()), 1.0 / WEIGHT_LIMIT), scales).astype(np.float32)
    shape = [1] * tensor.data.ndim
    if axis is not None:
        shape[axis] = -1
    scaled = tensor.data.astype(np.float64) / scales.astype(np.float64).reshape(shape)
    rounded = np.copysign(np.floor(np.abs(scaled) + 0.5), scaled)
    data = np.clip(rounded, -WEIGHT_LIMIT, WEIGHT_LIMIT).astype(np.int8)
    quantization = Quantization(tuple(float(s) for s in scales), (0,) * len(scales), axis or 0)
    return Tensor(tensor.name, tensor.shape, INT8, quantization, data)


def bias(name: str, data: np.ndarray, input_scale: float, quantized_weights: Tensor) -> Tensor:
    """An int32 bias of scale input_scale * weight scale, per channel where the weights are."""
    assert quantized_weights.quant is not None
    scales = input_scale * np.array(quantized_weights.quant.scale, np.float64)
    scaled = data.astype(np.float64).reshape(-1) / scales
    rounded = np.copysign(np.floor(np.abs(scaled) + 0.5), scaled)
    limited = np.clip(rounded, -BIAS_LIMIT, BIAS_LIMIT).astype(np.int32).reshape(data.shape)
    stated = tuple(float(np.float32(s)) for s in scales)
    return Tensor(name, data.shape, INT32, Quantization(stated, (0,) * len(stated), 0), limited)
