# SPDX-License-Identifier: Apache-2.0
"""Weights and requantization of a packed layer, as all kernels below 8 bits need them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from intarsia.dtypes import BY_BITS
from intarsia.fixedpoint import Int64Array
from intarsia.kernelcall import KernelCall, Param
from intarsia_codegen.requantization import Layer, Rule


@dataclass(frozen=True, eq=False)
class Narrow:
    """A layer as a matrix [channels, taps] of effective weights (zero point taken off).

    `bias` includes the input's zero point, for activations counted from the lowest code: the accumulator is
    bias + sum of (code - lowest code) * weight. `rows` are its reachable ends and rule.
    """

    matrix: Int64Array
    bias: Int64Array
    weights_zero: int
    weight_bits: int
    in_bits: int
    out_bits: int
    rows: Layer

    @property
    def channels(self) -> int:
        return len(self.matrix)

    @property
    def lowest_weight(self) -> int:
        return BY_BITS[self.weight_bits].range[0]

    @property
    def limits(self) -> tuple[int | None, int | None]:
        """Limits that saturation to the width of the output does not give; None where it does."""
        low, high = BY_BITS[self.out_bits].range
        return (
            self.rows.minimum if self.rows.minimum > low else None,
            self.rows.maximum if self.rows.maximum < high else None,
        )


def narrow_layer(call: KernelCall, matrix: np.ndarray, codes: Rule, weight_bits: int) -> Narrow:
    """The layer of a call whose weights are `matrix` [channels, taps], with zero point."""
    weights_zero, in_zero = call.integer("weights_zero"), call.integer("in_zero")
    effective = matrix.astype(np.int64) - weights_zero
    bias = np.broadcast_to(call.constant("bias").astype(np.int64), len(matrix))
    low, high = BY_BITS[call.integer("in_bits")].range
    rising, falling = np.maximum(effective, 0).sum(axis=1), np.minimum(effective, 0).sum(axis=1)
    least, most = low - in_zero, high - in_zero
    ends = rising * least + falling * most + bias, rising * most + falling * least + bias
    rows = Layer(codes, call.integer("minimum"), call.integer("maximum"), *ends)
    counted = bias + least * effective.sum(axis=1)
    in_bits, out_bits = call.integer("in_bits"), call.integer("out_bits")
    return Narrow(effective, counted, weights_zero, weight_bits, in_bits, out_bits, rows)


def variants(call: KernelCall) -> tuple[Mapping[str, Param], ...]:
    """The parameters of every branch, or those of the only call."""
    return call.variants or (call.params,)
