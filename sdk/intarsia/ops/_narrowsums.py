# SPDX-License-Identifier: Apache-2.0
"""Exact sums of products of int8 codes and weights, block by block so that what lies between stays in the cache.

Products are added in float32 or float64, whichever holds every partial sum exactly. Zero points of the input are folded
into the bias, and borders hold that code.
"""

from __future__ import annotations

import numpy as np

from intarsia.fixedpoint import Int64Array, Requantization
from intarsia.ops._convolution import Geometry

BLOCK = 1 << 17
"""Elements of one block of inputs or sums."""
_LARGEST_CODE = 128


def _real_type(kernel: Int64Array) -> type[np.floating]:
    """The type that holds all sums of int8 codes times weights [channels, taps] exactly."""
    largest = np.abs(kernel).sum(axis=1).max(initial=0) * _LARGEST_CODE
    return np.float32 if largest < 1 << 24 else np.float64


def _folded(kernel: Int64Array, bias: Int64Array, zero_point: int) -> Int64Array:
    """The bias [channels] that takes the zero point of the input off the sums of codes."""
    result: Int64Array = bias - kernel.sum(axis=1) * zero_point
    return result


def matrix_codes(
    columns: np.ndarray, kernel: Int64Array, bias: Int64Array, zero_point: int, requant: Requantization
) -> np.ndarray:
    """int8 output codes [rows, channels] of input codes [rows, taps] with this zero point and weights [channels, taps]
    without theirs."""
    real, total = _real_type(kernel), _folded(kernel, bias, zero_point)
    taps = np.ascontiguousarray(kernel.T, real)
    found = np.empty((len(columns), len(kernel)), np.int8)
    step = max(BLOCK // max(*kernel.shape, 1), 1)
    for start in range(0, len(columns), step):
        sums = columns[start : start + step].astype(real) @ taps
        found[start : start + step] = requant.codes(sums, total)
    return found


def depthwise_codes(
    g: Geometry,
    x: np.ndarray,
    kernel: Int64Array,
    bias: Int64Array,
    zero_point: int,
    requant: Requantization,
) -> np.ndarray:
    """int8 output codes [N, out_h, out_w, out_c] of a layer whose channels read one input channel each; `kernel`
    [kernel_h, kernel_w, in_c, multiplier] has its zero point taken off, `x` has it."""
    by_channel = kernel.reshape(-1, g.in_c * kernel.shape[3]).T
    real, total = _real_type(by_channel), _folded(by_channel, bias, zero_point)
    windows = g.windows(x.astype(real), zero_point)
    form = (g.out_w, g.in_c, kernel.shape[3])
    taps = [[np.ascontiguousarray(np.broadcast_to(k, form), real) for k in row] for row in kernel]
    found = np.empty((g.batch, g.out_h, g.out_w, by_channel.shape[0]), np.int8)
    step = max(BLOCK // int(np.prod(form)), 1)
    for image in range(g.batch):
        for start in range(0, g.out_h, step):
            part = windows[image, start : start + step]
            sums, products = (np.zeros((len(part), *form), real) for _ in range(2))
            for y, row in enumerate(taps):
                for z, weights in enumerate(row):
                    np.multiply(part[:, :, y, z, :, None], weights, out=products)
                    sums += products
            codes = requant.codes(sums.reshape(-1, by_channel.shape[0]), total)
            found[image, start : start + step] = codes.reshape(len(part), g.out_w, -1)
    return found
