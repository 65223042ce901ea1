# SPDX-License-Identifier: Apache-2.0
"""Output channels of a convolution that no input can change.

Trained networks have channels whose weights are nearly nothing, or whose bias keeps them behind the
activation's limit. The requantization never falls, so a channel is constant when its least and its greatest
accumulator give the same code.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from intarsia.fixedpoint import Requantization
from intarsia.kernelcall import KernelCall
from intarsia.ops._convolution import accumulator_range

LEAST_SAVED = 8
"""One block in so many must be saved, to pay for setting the constant channels."""


def codes(call: KernelCall, weights: np.ndarray) -> np.ma.MaskedArray[Any, Any]:
    """The code of each constant channel, the others masked; `weights` are [channels, taps]."""
    none = np.zeros(weights.shape[0], np.int64)
    low, high = accumulator_range(weights.astype(np.int64), none, call.integer("in_zero"))
    bias = call.constant("bias").astype(np.int64)
    requant = Requantization(
        tuple(call.constant("multiplier").tolist()),
        tuple(call.constant("shift").tolist()),
        call.integer("out_zero"),
        call.integer("minimum"),
        call.integer("maximum"),
    )
    first, last = requant.apply(low + bias), requant.apply(high + bias)
    return np.ma.masked_array(first, first != last)


def live_channels(constant: np.ma.MaskedArray[Any, Any], block: int) -> np.ndarray:
    """Positions of the channels to compute, in whole blocks; all where leaving some out saves little.

    The last block is filled up with its last channel: computing it twice stores the same code twice.
    """
    live = np.flatnonzero(np.ma.getmaskarray(constant))
    if live.size == 0:
        live = np.zeros(1, np.int64)
    blocks, needed = -(-constant.size // block), -(-live.size // block)
    if (blocks - needed) * LEAST_SAVED < blocks:
        return np.arange(constant.size)
    return np.concatenate([live, np.repeat(live[-1:], -live.size % block)])
