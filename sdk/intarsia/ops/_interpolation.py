# SPDX-License-Identifier: Apache-2.0
"""Tables of 513 int16 values between which functions of int16 codes are interpolated (TFLite gen_lut)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from intarsia.fixedpoint import Int64Array

STEPS, ONE = 512, 32768


def _round(x: np.ndarray) -> np.ndarray:
    """Nearest whole number, ties away from zero."""
    rounded: np.ndarray = np.copysign(np.floor(np.abs(x) + 0.5), x)
    return rounded


def table(transform: Callable[[np.ndarray], np.ndarray], least: float, most: float) -> np.ndarray:
    """int16 [513]: Q0.15 of a function of [least, most].

    Each value is lowered by half the error that interpolation makes in the middle of its step.
    """
    step = (most - least) / STEPS
    start = least + np.arange(STEPS) * step
    value = _round(transform(start) * ONE)
    middle = _round(transform(start + step / 2) * ONE)
    following = transform(least + (np.arange(STEPS) + 1) * step) * ONE
    values = value - _round((_round((following + value) / 2) - middle) / 2)
    last = _round(transform(np.array([most])) * ONE)
    result: np.ndarray = np.clip(np.concatenate([values, last]), -ONE, ONE - 1).astype(np.int16)
    return result


def look_up(values: np.ndarray, x: Int64Array) -> Int64Array:
    """Interpolated results for int16 codes."""
    wide = values.astype(np.int64)
    place = 256 + (x >> 7)
    base, slope = wide[place], wide[place + 1] - wide[place]
    result: Int64Array = base + ((slope * (x & 0x7F) + 64) >> 7)
    return result
