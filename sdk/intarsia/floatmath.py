# SPDX-License-Identifier: Apache-2.0
"""Exponential, logarithm, hyperbolic tangent, logistic function and GELU in float32, equal bits on every machine.

Only IEEE additions, multiplications and divisions in a fixed order, each rounded to float32;
`firmware/include/intarsia/floatmath.h` is the same arithmetic in C and states the error bounds. Arguments are
reduced with a two-part ln 2 (Cody and Waite); the polynomials are minimax fits. Arrays are float32.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Float32Array = NDArray[np.float32]

_LN2_HIGH = np.float32(0.693359375)
_LN2_LOW = np.float32(-2.12194440e-4)
_LOG2_E = np.float32(1.44269504)
_EXP_OVERFLOW = np.float32(88.72283)
_EXP_UNDERFLOW = np.float32(-103.97208)
_EXP_TAIL = (
    0.0013814453268423676,
    0.008368778973817825,
    0.04166839271783829,
    0.1666651964187622,
    0.4999999403953552,
)
_LOG_TAIL = (0.23596297204494476, 0.2853660583496094, 0.40000346302986145, 0.6666666269302368)
_TANH_TAIL = (
    -0.005717077292501926,
    0.02065061405301094,
    -0.05374350771307945,
    0.13331490755081177,
    -0.3333328366279602,
)
_ERF_SLOPE = (-5.63143844e-4, 4.91755603e-3, -2.67113161e-2, 1.12801803e-1, -3.76123262e-1, 1.12837912)
_ERFC_TAIL = (
    -1.16688140e-1,
    2.44759870e-1,
    7.00131000e-3,
    2.13762910e-1,
    1.98563270e-1,
    2.26727340e-1,
    2.25624800e-1,
)
_SQRT_HALF_BITS = 0x3F3504F3
_ONE, _TWO, _HALF = np.float32(1), np.float32(2), np.float32(0.5)


def _polynomial(coefficients: Sequence[float], x: Float32Array) -> Float32Array:
    """Horner's rule, highest power first."""
    total = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        total = total * x + np.float32(coefficient)
    return total


def _power_of_two(n: NDArray[np.int32]) -> Float32Array:
    return ((n + 127) << 23).astype(np.int32).view(np.float32)


def exp(x: Float32Array) -> Float32Array:
    """e**x."""
    regular = (x <= _EXP_OVERFLOW) & (x >= _EXP_UNDERFLOW)
    inside = np.where(regular, x, np.float32(0))
    turns = inside * _LOG2_E
    n = (turns + np.where(turns < 0, -_HALF, _HALF)).astype(np.int32)
    steps = n.astype(np.float32)
    r = (inside - steps * _LN2_HIGH) - steps * _LN2_LOW
    mantissa = (r * r * _polynomial(_EXP_TAIL, r) + r) + _ONE
    half = np.trunc(n / 2).astype(np.int32)
    with np.errstate(over="ignore", under="ignore"):
        result = mantissa * _power_of_two(half) * _power_of_two(n - half)
    edge = np.where(x > 0, np.float32(np.inf), np.where(np.isnan(x), x, np.float32(0)))
    return np.where(regular, result, edge)


def log(x: Float32Array) -> Float32Array:
    """Natural logarithm of positive normal numbers."""
    bits = x.view(np.int32).astype(np.int64)
    n = (bits - _SQRT_HALF_BITS) >> 23
    steps = n.astype(np.float32)
    f = (bits - (n << 23)).astype(np.int32).view(np.float32) - _ONE
    s = f / (_TWO + f)
    z = s * s
    half_square = _HALF * f * f
    low = s * (half_square + z * _polynomial(_LOG_TAIL, z)) + steps * _LN2_LOW
    result: Float32Array = steps * _LN2_HIGH - ((half_square - low) - f)
    return result


def tanh(x: Float32Array) -> Float32Array:
    """Hyperbolic tangent."""
    magnitude = np.abs(x)
    small = np.where(magnitude < np.float32(0.625), x, np.float32(0))
    z = small * small
    near = z * _polynomial(_TANH_TAIL, z) * small + small
    far = _ONE - _TWO / (exp(_TWO * magnitude) + _ONE)
    return np.where(magnitude < np.float32(0.625), near, np.where(x < 0, -far, far))


def logistic(x: Float32Array) -> Float32Array:
    """1 / (1 + exp(-x)), with the cut-offs of the TensorFlow Lite reference kernel."""
    low, high = x < np.float32(-9), x > np.float32(16.619047164916992188)
    middle = _ONE / (_ONE + exp(-np.where(low | high, np.float32(0), x)))
    return np.where(high, _ONE, np.where(low, exp(np.where(low, x, np.float32(-9))), middle))


def elu(x: Float32Array) -> Float32Array:
    """x, below 0 e**x - 1."""
    return np.where(x < 0, exp(np.minimum(x, np.float32(0))) - _ONE, x)


def gelu(x: Float32Array) -> Float32Array:
    """x times the share of a normal distribution below x."""
    t = np.abs(x) * np.float32(0.70710678)
    near = np.where(t < _ONE, x, np.float32(0))
    small = np.where(t < _ONE, t, np.float32(0))
    slope = _polynomial(_ERF_SLOPE, small * small)
    share = _HALF + _HALF * (near * np.float32(0.70710678) * slope)
    far = np.where((t >= _ONE) & (t < np.float32(10)), t, _ONE)
    u = _ONE / (_ONE + np.float32(0.4) * far)
    beyond = _HALF * (exp(-(far * far)) * (u * _polynomial(_ERFC_TAIL, u)))
    beyond = np.where(t < np.float32(10), beyond, np.float32(0))
    return x * np.where(t < _ONE, share, np.where(x < 0, beyond, _ONE - beyond))


def gelu_tanh(x: Float32Array) -> Float32Array:
    """The approximation of `gelu` by a hyperbolic tangent."""
    inner = np.float32(0.79788456) * (x + np.float32(0.044715) * (x * x * x))
    return _HALF * x * (_ONE + tanh(inner))
