# SPDX-License-Identifier: Apache-2.0
"""UNIDIRECTIONAL_SEQUENCE_LSTM: int8 with an int16 cell state, and float32; its states are kept between inferences.

Inputs as TFLite numbers them: sequence [batch, time, n] (or [time, batch, n]), weights of the gates (input, forget,
cell, output) for the sequence (1 to 4) and for the last output (5 to 8), biases (12 to 15), output state (18), cell
state (19). Peepholes, projections, layer normalization and coupled gates are refused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from intarsia import floatmath
from intarsia.dtypes import BY_NAME, FLOAT32, INT8, INT16, INT32
from intarsia.ir import ABSENT, Attrs, Graph, Node, Quantization, Tensor
from intarsia.kernelcall import Constant, KernelCall, Param, Step
from intarsia.ops import _cases
from intarsia.ops._common import schema
from intarsia.ops._convolution import scale_reason
from intarsia.ops._lstm import GATES, IntegerCell, gate_rows
from intarsia.ops.base import Draw, Operator, Shape, Values

SEQUENCE, BIASES, OUTPUT_STATE, CELL_STATE, INPUTS = 1, 12, 18, 19, 20
RECURRENT = 5
_TANH = 4


@dataclass(frozen=True)
class LstmAttrs(Attrs):
    """`hidden_scale`, `hidden_zero_point`: quantization of the output before a projection (int8)."""

    cell_clip: float = 0.0
    time_major: bool = False
    hidden_scale: float = 0.0
    hidden_zero_point: int = 0


def attrs_of(node: Node) -> LstmAttrs:
    assert isinstance(node.attrs, LstmAttrs)
    return node.attrs


class UnidirectionalSequenceLstm(Operator):
    name = "UNIDIRECTIONAL_SEQUENCE_LSTM"
    attrs = LstmAttrs
    states: ClassVar[tuple[int, ...]] = (OUTPUT_STATE, CELL_STATE)

    def parse(self, options: Any) -> LstmAttrs:
        if options.fusedActivationFunction != _TANH:
            raise ValueError(f"fused activation {options.fusedActivationFunction}; TANH is supported")
        if options.projClip:
            raise ValueError("a clipped projection is not supported")
        return LstmAttrs(float(options.cellClip), bool(options.timeMajor))

    def options(self, attrs: Attrs) -> Any:
        assert isinstance(attrs, LstmAttrs)
        options = schema().UnidirectionalSequenceLSTMOptionsT()
        options.fusedActivationFunction, options.cellClip = _TANH, attrs.cell_clip
        options.timeMajor = attrs.time_major
        return options

    def absorb(self, attrs: Attrs, intermediates: Any) -> Attrs:
        assert isinstance(attrs, LstmAttrs)
        if not intermediates or intermediates[-1] is None:
            return attrs
        hidden = intermediates[-1]
        return LstmAttrs(attrs.cell_clip, attrs.time_major, hidden.scale[0], hidden.zero_point[0])

    def intermediates(self, attrs: Attrs) -> list[tuple[str, Quantization | None]]:
        assert isinstance(attrs, LstmAttrs)
        if not attrs.hidden_scale:
            return []
        found: list[tuple[str, Quantization | None]] = [("int16", Quantization((2.0**-12,), (0,)))] * GATES
        found.append(("int8", Quantization((attrs.hidden_scale,), (attrs.hidden_zero_point,))))
        return found

    def sizes(self, node: Node, graph: Graph) -> tuple[int, int, int, int]:
        """Batch, time, values per step, cells. Raises ValueError when shapes do not fit together."""
        shape, weights = graph.required(node, 0).shape, graph.required(node, SEQUENCE).shape
        if len(shape) != 3 or len(weights) != 2 or weights[1] != shape[2]:
            raise ValueError(f"weights {list(weights)} do not fit a sequence of {list(shape)}")
        batch, time = (shape[1], shape[0]) if attrs_of(node).time_major else shape[:2]
        cells = weights[0]
        wanted: dict[int, Shape] = {SEQUENCE + g: (cells, shape[2]) for g in range(GATES)}
        wanted |= {RECURRENT + g: (cells, cells) for g in range(GATES)}
        wanted |= {BIASES + g: (cells,) for g in range(GATES)}
        wanted |= {OUTPUT_STATE: (batch, cells), CELL_STATE: (batch, cells)}
        for position, expected in wanted.items():
            if graph.required(node, position).shape != expected:
                found = graph.required(node, position).shape
                raise ValueError(f"input {position} is {list(found)}; {list(expected)} is expected")
        return batch, time, shape[2], cells

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        extra = [
            p for p in (9, 10, 11, 16, 17, *range(20, len(node.inputs))) if graph.operand(node, p) is not None
        ]
        if extra:
            return f"input {extra[0]}: peepholes, projections and layer normalization are not supported"
        if any(graph.operand(node, p) is None for p in (SEQUENCE, RECURRENT, BIASES)):
            return "coupled input and forget gates are not supported"
        constants = [p + g for p in (SEQUENCE, RECURRENT, BIASES) for g in range(GATES)]
        if not all(graph.required(node, p).is_constant for p in constants):
            return "weights and biases must be constant"
        source, output = graph.required(node, 0), graph.output(node)
        cell = graph.required(node, CELL_STATE)
        weights = {graph.required(node, p + g).dtype for p in (SEQUENCE, RECURRENT) for g in range(GATES)}
        biases = {graph.required(node, BIASES + g).dtype for g in range(GATES)}
        kinds = {source.dtype, output.dtype, graph.required(node, OUTPUT_STATE).dtype} | weights
        self.sizes(node, graph)
        if (kinds, biases, cell.dtype) == ({FLOAT32}, {FLOAT32}, FLOAT32):
            return None
        if (kinds, biases, cell.dtype) != ({INT8}, {INT32}, INT16):
            names = ", ".join(sorted(k.name for k in kinds | biases | {cell.dtype}))
            return f"types {names}; int8 with int32 biases and an int16 cell state, or float32"
        return self._quantization_reason(node, graph)

    def _quantization_reason(self, node: Node, graph: Graph) -> str | None:
        cell, state = graph.required(node, CELL_STATE), graph.required(node, OUTPUT_STATE)
        if reason := scale_reason(graph.required(node, 0), graph.output(node), cell, state):
            return reason
        if attrs_of(node).hidden_scale <= 0:
            return "the file gives no quantization of the output before a projection"
        mantissa, exponent = math.frexp(cell.scale)
        if mantissa != 0.5 or not -15 <= exponent - 1 <= -9 or cell.zero_point:
            return f"a cell state of scale {cell.scale:g}; a power of two from 2^-15 to 2^-9 is needed"
        for position in (*range(SEQUENCE, SEQUENCE + GATES), *range(RECURRENT, RECURRENT + GATES)):
            quant = graph.required(node, position).quant
            if quant is None or quant.per_channel or any(quant.zero_point):
                return f"weights {position} need one scale and a zero point of 0"
        return IntegerCell.of(node, graph).range_reason()

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        _, _, _, cells = self.sizes(node, graph)
        shape = graph.required(node, 0).shape
        state = graph.required(node, OUTPUT_STATE).shape
        return [(*shape[:2], cells), state, state]

    def reference(self, node: Node, graph: Graph, values: Values) -> list[np.ndarray]:
        x, output, cell = values[0], values[OUTPUT_STATE], values[CELL_STATE]
        assert x is not None
        assert output is not None
        assert cell is not None
        steps = x if attrs_of(node).time_major else x.swapaxes(0, 1)
        step = self._float_step(node, graph) if x.dtype == np.float32 else IntegerCell.of(node, graph).step
        results = []
        for values_now in steps:
            output, cell = step(values_now, output, cell)
            results.append(output)
        sequence = np.stack(results)
        return [
            sequence if attrs_of(node).time_major else np.ascontiguousarray(sequence.swapaxes(0, 1)),
            output,
            cell,
        ]

    @staticmethod
    def _float_step(node: Node, graph: Graph) -> Any:
        rows = gate_rows(node, graph)
        clip = np.float32(attrs_of(node).cell_clip)

        def step(x: np.ndarray, output: np.ndarray, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            gates = np.repeat(rows.bias[None], len(x), axis=0)
            for k in range(x.shape[1]):
                gates = gates + x[:, None, k, None] * rows.sequence[None, :, :, k]
            for k in range(output.shape[1]):
                gates = gates + output[:, None, k, None] * rows.recurrent[None, :, :, k]
            enter, keep, leave = (floatmath.logistic(gates[:, g]) for g in (0, 1, 3))
            cell = keep * cell + enter * floatmath.tanh(gates[:, 2])
            if clip > 0:
                cell = np.clip(cell, -clip, clip)
            return leave * floatmath.tanh(cell), cell

        return step

    def macs(self, node: Node, graph: Graph) -> int:
        batch, time, width, cells = self.sizes(node, graph)
        return GATES * batch * time * cells * (width + cells)

    def lower(self, node: Node, graph: Graph) -> list[Step]:
        batch, time, width, cells = self.sizes(node, graph)
        rows, attrs = gate_rows(node, graph), attrs_of(node)
        params: dict[str, Param] = {"batch": batch, "time": time, "width": width, "cells": cells}
        major = attrs.time_major
        params |= {"step": (batch if major else 1), "image": (1 if major else time)}
        constants: tuple[Constant, ...]
        weights = Constant("sequence", rows.sequence), Constant("recurrent", rows.recurrent)
        if graph.required(node, 0).dtype.is_float:
            params["clip"] = attrs.cell_clip if attrs.cell_clip > 0 else math.inf
            contract, constants, size = "lstm_f32", (*weights, Constant("bias", rows.bias)), 4
        else:
            cell = IntegerCell.of(node, graph)
            params |= cell.params()
            contract, constants, size = "lstm_s8", (*weights, *cell.biases()), 1
        inputs = (node.inputs[0], node.inputs[OUTPUT_STATE], node.inputs[CELL_STATE])
        return [
            KernelCall(
                "lstm",
                contract,
                params,
                inputs,
                node.outputs,
                constants,
                size * cells,
                inplace=((1, 1), (2, 2)),
                macs=self.macs(node, graph),
            )
        ]

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        kind, major = draw.choice(("int8", "float32")), draw.choice((False, True))
        batch, time, width, cells = (draw.integer(1, n) for n in (2, 4, 9, 7))
        shape = (time, batch, width) if major else (batch, time, width)
        integer = kind == "int8"
        scale = float(np.float32(2.0**-7 * (1 + draw.integer(0, 100) / 100)))
        hidden = Quantization((scale,), (draw.choice((0, -5, 17)),)) if integer else None
        source = Quantization((case.scale(-8, -5),), (draw.choice((0, -128, 9)),)) if integer else None
        x = case.input(shape, kind, source)
        inputs = [ABSENT] * INPUTS
        inputs[0] = x
        for position, columns in ((SEQUENCE, width), (RECURRENT, cells)):
            for gate in range(GATES):
                data, quant = (
                    draw.array((cells, columns), -127, 127),
                    Quantization((case.scale(-9, -6),), (0,)),
                )
                real = data.astype(np.float32) / np.float32(127)
                index = case.constant(data.astype(np.int8), quant) if integer else case.constant(real)
                inputs[position + gate] = index
        for gate in range(GATES):
            values = draw.array((cells,), -3000, 3000)
            real = values.astype(np.float32) / np.float32(3000)
            codes = values.astype(np.int32), Quantization((2.0**-14,), (0,))
            inputs[BIASES + gate] = case.constant(*codes) if integer else case.constant(real)
        exponent = draw.integer(-15, -9)
        cell_quant = Quantization((2.0**exponent,), (0,)) if integer else None
        cell_type = BY_NAME["int16" if integer else "float32"]
        inputs[OUTPUT_STATE] = case.add(Tensor("h", (batch, cells), BY_NAME[kind], hidden))
        inputs[CELL_STATE] = case.add(Tensor("c", (batch, cells), cell_type, cell_quant))
        clip = draw.choice((0.0, 10.0, 0.5))
        attrs = LstmAttrs(clip, major, scale if integer else 0.0, hidden.zero_point[0] if hidden else 0)
        outputs = [(kind, hidden), (kind, hidden), (cell_type.name, cell_quant)]
        return _cases.stateful(case.graph(self, inputs, attrs, outputs), self)


OPERATOR = UnidirectionalSequenceLstm()
