# SPDX-License-Identifier: Apache-2.0
"""How a layer's sums become codes: the shortest of three forms that is right for all of its channels.

"line" and "two_lines" are the forms that `intarsia_codegen.requantization` proves; "exact" is the rounding rule itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from intarsia.fixedpoint import INT32_MAX, Int64Array, Requantization
from intarsia.kernelcall import KernelCall
from intarsia_codegen import oncerule
from intarsia_codegen.requantization import FULL_RANGE, Layer, Search, reachable

EXPONENTS = (10, 12, 8, 14, 6, 16, 4, 18, 2, 20, 0)
LEAST_HEADROOM = 2
"""Bits that scaled accumulators leave free."""
MOST_SCALE_BITS = 8
INSTRUCTIONS = {"line": 16, "two_lines": 20, "exact": 38}
"""Of one output beside its sum."""


@dataclass(frozen=True, eq=False)
class Scale:
    """A form with its constants: int32 [channels, 4] as in `itr_blocked_channel`."""

    form: str
    channels: np.ndarray
    scale_bits: int = 0
    exponent: int = 0


def scale_of(call: KernelCall, weights: np.ndarray, folded: np.ndarray) -> Scale:
    """For sums of raw products of `weights` [channels, taps]; `folded` are the biases to be added to them."""
    channels = len(weights)
    multiplier, shift = (
        np.broadcast_to(call.constant(name).astype(np.int64), channels) for name in ("multiplier", "shift")
    )
    minimum, maximum = call.integer("minimum"), call.integer("maximum")
    rule = Requantization(
        tuple(multiplier.tolist()), tuple(shift.tolist()), call.integer("out_zero"), minimum, maximum
    )
    low, high = reachable(weights, call.constant("bias"), call.integer("in_zero"))
    layer = Layer(rule.apply, minimum, maximum, low, high)
    return _short(layer, folded) or Scale(
        "exact", _table(folded, multiplier, np.maximum(-shift, 0), np.maximum(shift, 0))
    )


def scale_once(call: KernelCall, weights: np.ndarray, folded: np.ndarray) -> Scale | None:
    """The same for a call that rounds once; None where neither short form is proved."""
    low, high = reachable(weights, call.constant("bias"), call.integer("in_zero"))
    limits = call.integer("minimum"), call.integer("maximum")
    return _short(Layer(oncerule.codes_of(call, len(weights)), *limits, low, high), folded)


def _short(layer: Layer, folded: np.ndarray) -> Scale | None:
    """The cheapest form that is proved for all channels."""
    largest = int(max(np.abs(layer.low).max(), np.abs(layer.high).max(), 1))
    scale_bits = min(31 - LEAST_HEADROOM - largest.bit_length(), MOST_SCALE_BITS)
    if scale_bits < 0:
        return None
    clamp = (layer.minimum, layer.maximum) != FULL_RANGE
    for form, signed in (("line", False), ("two_lines", True)):
        search = Search(layer, signed=signed, clamp=clamp)
        for exponent in EXPONENTS:
            found = search.prove(exponent, scale_bits)
            if found.proved.all():
                bias = (folded.astype(np.int64) << scale_bits) + found.bias
                table = _table(_wrapped(bias), found.multiplier, found.offset, found.delta)
                return Scale(form, table, scale_bits, exponent)
    return None


def _wrapped(values: Int64Array) -> Int64Array:
    """Modulo 2**32, as int32."""
    wrapped: Int64Array = (values + INT32_MAX + 1) % (1 << 32) - INT32_MAX - 1
    return wrapped


def _table(*columns: np.ndarray) -> np.ndarray:
    return np.stack([np.asarray(column, np.int64) for column in columns], axis=1).astype(np.int32)
