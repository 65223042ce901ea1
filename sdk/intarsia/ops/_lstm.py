# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of one step of an int8 LSTM (TFLite LstmStepInteger8x8_16)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from intarsia import fixedpoint16
from intarsia.fixedpoint import (
    Int64Array,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    rounding_divide_by_pot,
)
from intarsia.ir import Graph, Node
from intarsia.kernelcall import Constant, Param
from intarsia.ops._convolution import accumulator_range

GATES = 4
_SEQUENCE, _RECURRENT, _BIASES, _OUTPUT_STATE, _CELL_STATE = 1, 5, 12, 18, 19
_GATE_SCALE = np.float32(2.0**-12)


@dataclass(frozen=True, eq=False)
class GateRows:
    """Weights [gate, cell, column] and biases [gate, cell], gates in the order input, forget, cell, output."""

    sequence: np.ndarray
    recurrent: np.ndarray
    bias: np.ndarray


def gate_rows(node: Node, graph: Graph) -> GateRows:
    parts = (
        np.stack([graph.constant(node, position + gate) for gate in range(GATES)])
        for position in (_SEQUENCE, _RECURRENT, _BIASES)
    )
    return GateRows(*parts)


@dataclass(frozen=True, eq=False)
class IntegerCell:
    """One layer: factors of the gates in Q3.12, biases with the zero points of what they are added to."""

    rows: GateRows
    sequence_bias: Int64Array
    recurrent_bias: Int64Array
    sequence_factors: tuple[tuple[int, int], ...]
    recurrent_factors: tuple[tuple[int, int], ...]
    cell_exponent: int
    clip: int
    hidden: tuple[int, int]
    hidden_zero: int

    @staticmethod
    def of(node: Node, graph: Graph) -> IntegerCell:
        rows, attrs = gate_rows(node, graph), node.attrs
        source, state = graph.required(node, 0), graph.required(node, _OUTPUT_STATE)
        cell = graph.required(node, _CELL_STATE)
        clip = np.float32(attrs.cell_clip) / np.float32(cell.scale)  # type: ignore[attr-defined]
        hidden = float(np.float32(2.0**-15 / float(np.float32(attrs.hidden_scale)) * 2.0**-15))  # type: ignore[attr-defined]
        return IntegerCell(
            rows,
            rows.bias.astype(np.int64) - source.zero_point * rows.sequence.astype(np.int64).sum(axis=2),
            -state.zero_point * rows.recurrent.astype(np.int64).sum(axis=2),
            _factors(node, graph, _SEQUENCE, source.scale),
            _factors(node, graph, _RECURRENT, state.scale),
            math.frexp(cell.scale)[1] - 1,
            int(min(max(clip, np.float32(-32768)), np.float32(32767))),
            quantize_multiplier(hidden),
            attrs.hidden_zero_point,  # type: ignore[attr-defined]
        )

    def range_reason(self) -> str | None:
        """Why 32 bits cannot hold the sums of a gate, or None."""
        pairs = (
            (self.rows.sequence, self.sequence_bias, self.sequence_factors),
            (self.rows.recurrent, self.recurrent_bias, self.recurrent_factors),
        )
        for weights, bias, factors in pairs:
            for gate in range(GATES):
                low, high = accumulator_range(weights[gate].astype(np.int64), bias[gate], 0)
                largest = max(-int(low.min()), int(high.max()), 1)
                if largest << max(factors[gate][1], 0) >= 1 << 31:
                    return "the scales of weights and state are too large for the gates"
        if self.hidden[1] > 0:
            return "the scale of the output is too small"
        return None

    def step(self, x: np.ndarray, output: np.ndarray, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(output int8, cell state int16) [batch, cells] after one step."""
        gates = [self._gate(gate, x.astype(np.int64), output.astype(np.int64)) for gate in range(GATES)]
        enter, keep, leave = (fixedpoint16.logistic(gates[gate]) for gate in (0, 1, 3))
        candidate = fixedpoint16.tanh(gates[2], 3)
        kept = _wrapped(rounding_divide_by_pot(keep * cell.astype(np.int64), 15))
        added = _wrapped(rounding_divide_by_pot(enter * candidate, 30 + self.cell_exponent))
        state = np.clip(kept + added, -32768, 32767)
        if self.clip > 0:
            state = np.clip(state, -self.clip, self.clip)
        product = leave * fixedpoint16.tanh(state, 15 + self.cell_exponent)
        codes = multiply_by_quantized_multiplier(product, *self.hidden) + self.hidden_zero
        return np.clip(codes, -128, 127).astype(np.int8), state.astype(np.int16)

    def _gate(self, gate: int, x: Int64Array, output: Int64Array) -> Int64Array:
        """Q3.12 before the activation; the sum is saturated after each of its two parts."""
        first = x @ self.rows.sequence[gate].astype(np.int64).T + self.sequence_bias[gate]
        second = output @ self.rows.recurrent[gate].astype(np.int64).T + self.recurrent_bias[gate]
        total = np.clip(multiply_by_quantized_multiplier(first, *self.sequence_factors[gate]), -32768, 32767)
        total = total + multiply_by_quantized_multiplier(second, *self.recurrent_factors[gate])
        return np.clip(total, -32768, 32767)

    def biases(self) -> tuple[Constant, Constant]:
        """Biases of both parts as the kernel takes them."""
        return (
            Constant("sequence_bias", self.sequence_bias.astype(np.int32)),
            Constant("recurrent_bias", self.recurrent_bias.astype(np.int32)),
        )

    def params(self) -> dict[str, Param]:
        """Parameters of the kernel beside the extents."""
        return {
            "sequence_multiplier": tuple(m for m, _ in self.sequence_factors),
            "sequence_shift": tuple(s for _, s in self.sequence_factors),
            "recurrent_multiplier": tuple(m for m, _ in self.recurrent_factors),
            "recurrent_shift": tuple(s for _, s in self.recurrent_factors),
            "cell_exponent": self.cell_exponent,
            "clip": self.clip if self.clip > 0 else 32768,
            "hidden_multiplier": self.hidden[0],
            "hidden_shift": self.hidden[1],
            "hidden_zero": self.hidden_zero,
        }


def _wrapped(x: Int64Array) -> Int64Array:
    """int32 values cut to 16 bits."""
    return (x + 32768) % 65536 - 32768


def _factors(node: Node, graph: Graph, first: int, scale: float) -> tuple[tuple[int, int], ...]:
    """(multiplier, shift) to Q3.12 of each gate; the factors are formed in float32."""
    found = []
    for gate in range(GATES):
        weight = np.float32(graph.required(node, first + gate).scale)
        with np.errstate(over="ignore"):
            factor = float(weight * np.float32(scale) / _GATE_SCALE)
        found.append(quantize_multiplier(factor))
    return tuple(found)
