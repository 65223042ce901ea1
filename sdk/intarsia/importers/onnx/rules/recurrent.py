# SPDX-License-Identifier: Apache-2.0
"""LSTM in one or both directions. Its states begin anew in every inference, unless they are inputs of the graph."""

from __future__ import annotations

import numpy as np

from intarsia.importers.onnx import weights
from intarsia.importers.onnx.builder import Builder
from intarsia.importers.onnx.call import Call, Refused, Rule
from intarsia.importers.onnx.values import Known, Map, View
from intarsia.ir import ABSENT
from intarsia.ops.concatenation import ConcatenationAttrs
from intarsia.ops.fully_connected import FullyConnectedAttrs
from intarsia.ops.strided_slice import StridedSliceAttrs
from intarsia.ops.unidirectional_sequence_lstm import (
    BIASES,
    CELL_STATE,
    INPUTS,
    OUTPUT_STATE,
    RECURRENT,
    SEQUENCE,
    LstmAttrs,
)

GATES = (0, 2, 3, 1)
"""Where ONNX has the gates input, forget, cell, output, in this order: it has them as input, output, forget, cell."""
DIRECTIONS = {"forward": 1, "reverse": 1, "bidirectional": 2}


def lstm(call: Call) -> list[Map]:
    builder, source = call.builder, call.map(0)
    direction = call.text("direction", "forward")
    _check(call, source, direction)
    cells = call.integer("hidden_size")
    first = call.integer("layout", 0)
    sequence = builder.ordered(source, (0, 1, 2) if first else (1, 0, 2)).tensor
    found = []
    for number in range(DIRECTIONS[direction]):
        backwards = direction == "reverse" or number == 1
        read = _reversed(builder, sequence) if backwards else sequence
        results = builder.emit_all(
            "UNIDIRECTIONAL_SEQUENCE_LSTM",
            _inputs(call, read, number, cells),
            LstmAttrs(call.number("clip", 0.0)),
        )
        found.append((_reversed(builder, results[0]) if backwards else results[0], *results[1:]))
    views: tuple[View, View] = (((0,), (1,), (2,), (3,)), ((0,), (1,), (2,)))
    if not first:
        views = (((1,), (2,), (0,), (3,)), ((1,), (0,), (2,)))
    return [
        Map(_joined(builder, [part[0] for part in found], cells), views[0]),
        *(Map(_joined(builder, [part[i] for part in found], cells), views[1]) for i in (1, 2)),
    ]


def _check(call: Call, source: Map, direction: str) -> None:
    if source.rank != 3 or direction not in DIRECTIONS:
        raise Refused(f"direction '{direction}' of a sequence with {source.rank} dimensions")
    if call.operand(4) is not None or call.operand(7) is not None or call.integer("input_forget", 0):
        raise Refused(
            "lengths of sequences, peepholes or coupled gates", "use a plain LSTM over whole sequences"
        )
    if call.has("activations"):
        names = [
            n.decode("utf-8", "replace").lower() if isinstance(n, bytes) else ""
            for n in call.strings("activations")
        ]
        if names != ["sigmoid", "tanh", "tanh"] * DIRECTIONS[direction]:
            raise Refused(f"activations {', '.join(names)}", "use the activations sigmoid and tanh")


def _inputs(call: Call, sequence: int, number: int, cells: int) -> list[int]:
    """Operands of one direction as TFLite numbers them. Raises Refused."""
    builder = call.builder
    batch, _, width = builder.shape(sequence)
    directions = DIRECTIONS[call.text("direction", "forward")]
    kernel, recurrent = (call.known(i, "the weights").real() for i in (1, 2))
    bias = np.zeros((directions, 8 * cells)) if call.operand(3) is None else call.known(3, "the bias").real()
    wanted = (directions, 4 * cells, width), (directions, 4 * cells, cells), (directions, 8 * cells)
    if (kernel.shape, recurrent.shape, bias.shape) != wanted:
        raise Refused(f"weights {list(kernel.shape)}, {list(recurrent.shape)} and a bias {list(bias.shape)}")
    inputs = [sequence, *[ABSENT] * (INPUTS - 1)]
    whole = bias[number].reshape(2, 4 * cells).sum(axis=0)
    for gate, at in enumerate(GATES):
        rows = slice(at * cells, (at + 1) * cells)
        for position, data in ((SEQUENCE, kernel[number]), (RECURRENT, recurrent[number]), (BIASES, whole)):
            inputs[position + gate] = weights.place(
                builder, Known(f"{builder.label}/{position + gate}", data[rows])
            )
    for position, operand in ((OUTPUT_STATE, 5), (CELL_STATE, 6)):
        inputs[position] = _state(call, sequence, operand, number, (batch, cells))
    return inputs


def _state(call: Call, sequence: int, operand: int, number: int, shape: tuple[int, int]) -> int:
    """What a state begins with, as a feature map: a constant is made from one value of the sequence times zero."""
    builder, given = call.builder, call.operand(operand)
    if isinstance(given, Map):
        placed = builder.plain(given)
        directions = builder.shape(placed)[1 if call.integer("layout", 0) else 0]
        if directions != 1:
            raise Refused("initial states of two directions that are not constant", "leave them out")
        return builder.reshape(placed, shape)
    start = np.zeros(shape)
    if given is not None:
        states = given.real()
        states = states.swapaxes(0, 1) if call.integer("layout", 0) else states
        if states.ndim != 3 or number >= len(states) or states[number].shape != shape:
            raise Refused(f"initial states of {list(given.shape)}")
        start = states[number]
    one = builder.emit("SLICE", [sequence, builder.ints([0, 0, 0]), builder.ints([1, 1, 1])])
    nothing = builder.constant(np.zeros((start.size, 1), np.float32))
    inputs = [builder.reshape(one, [1, 1]), nothing, builder.constant(start.reshape(-1).astype(np.float32))]
    return builder.reshape(builder.emit("FULLY_CONNECTED", inputs, FullyConnectedAttrs()), shape)


def _reversed(builder: Builder, sequence: int) -> int:
    """The sequence [batch, time, n] backwards in time."""
    batch, time, width = builder.shape(sequence)
    ends = [builder.ints(v) for v in ([0, time - 1, 0], [batch, -1, width], [1, -1, 1])]
    return builder.emit("STRIDED_SLICE", [sequence, *ends], StridedSliceAttrs(end_mask=2))


def _joined(builder: Builder, parts: list[int], cells: int) -> int:
    """Results of all directions [..., directions, cells]."""
    whole = parts[0]
    if len(parts) > 1:
        whole = builder.emit("CONCATENATION", parts, ConcatenationAttrs(len(builder.shape(whole)) - 1))
    return builder.reshape(whole, [*builder.shape(whole)[:-1], len(parts), cells])


REMEDIES = dict.fromkeys(("GRU", "RNN"), "use an LSTM, or one-dimensional convolutions, for GRU and RNN")
RULES = (
    Rule(
        "LSTM",
        (
            "UNIDIRECTIONAL_SEQUENCE_LSTM",
            "SLICE",
            "FULLY_CONNECTED",
            "STRIDED_SLICE",
            "CONCATENATION",
            "RESHAPE",
        ),
        lstm,
        "whole sequences, both directions; states begin anew in every inference or are inputs and outputs",
    ),
)
