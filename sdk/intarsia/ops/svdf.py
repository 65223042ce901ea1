# SPDX-License-Identifier: Apache-2.0
"""SVDF: a dense layer of rank-reduced filters over time; its state is kept between inferences.

Inputs: [batch, n], feature weights [filters, n], time weights [filters, memory], bias [units] or none, and the state
[batch, filters * memory]: for each filter the results of the last inferences, the newest last. int8 with an int16 or
int8 state (the latter as TFLM has it), and float32. Sums over the state wrap modulo 2^32. `filters` is units * rank.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from intarsia.dtypes import BY_NAME, FLOAT32, INT8, INT16
from intarsia.fixedpoint import multiply_by_quantized_multiplier, quantize_multiplier
from intarsia.ir import ABSENT, Attrs, Graph, Node, Quantization, Tensor
from intarsia.kernelcall import Constant, KernelCall, Param, Step
from intarsia.ops import _cases
from intarsia.ops._common import ACTIVATIONS, Activation, activation_name, float_limits, schema
from intarsia.ops._convolution import accumulator_range, bias_or_zero, scale_reason
from intarsia.ops._elementwise import wrap32
from intarsia.ops.base import Draw, Operator, Shape, Values

FEATURES, TIME, BIAS, STATE = 1, 2, 3, 4


@dataclass(frozen=True)
class SvdfAttrs(Attrs):
    rank: int = 1
    activation: Activation = "NONE"


def attrs_of(node: Node) -> SvdfAttrs:
    assert isinstance(node.attrs, SvdfAttrs)
    return node.attrs


class Svdf(Operator):
    name = "SVDF"
    attrs = SvdfAttrs
    states: ClassVar[tuple[int, ...]] = (STATE,)

    def parse(self, options: Any) -> SvdfAttrs:
        return SvdfAttrs(int(options.rank), activation_name(options.fusedActivationFunction))

    def options(self, attrs: Attrs) -> Any:
        assert isinstance(attrs, SvdfAttrs)
        options = schema().SVDFOptionsT()
        options.rank, options.fusedActivationFunction = attrs.rank, ACTIVATIONS.index(attrs.activation)
        return options

    def sizes(self, node: Node, graph: Graph) -> tuple[int, int, int, int]:
        """Batch, values of the input, filters, memory. Raises ValueError when shapes do not fit together."""
        shape, features = graph.required(node, 0).shape, graph.required(node, FEATURES).shape
        time, state = graph.required(node, TIME).shape, graph.required(node, STATE).shape
        if len(shape) != 2 or len(features) != 2 or len(time) != 2 or features[1] != shape[1]:
            raise ValueError(
                f"weights {list(features)} and {list(time)} do not fit an input of {list(shape)}"
            )
        filters, memory = time
        if filters != features[0] or attrs_of(node).rank < 1 or filters % attrs_of(node).rank or memory < 1:
            raise ValueError(f"{features[0]} and {filters} filters of rank {attrs_of(node).rank}")
        if state != (shape[0], filters * memory):
            raise ValueError(f"the state is {list(state)}; {[shape[0], filters * memory]} is expected")
        bias = graph.operand(node, BIAS)
        if bias is not None and bias.elements != filters // attrs_of(node).rank:
            raise ValueError(f"the bias has {bias.elements} values")
        return shape[0], shape[1], filters, memory

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        operands = [graph.operand(node, p) for p in (FEATURES, TIME, BIAS)]
        if any(t is not None and not t.is_constant for t in operands):
            return "weights and bias must be constant"
        x, features, time, state = (graph.required(node, p) for p in (0, FEATURES, TIME, STATE))
        output, bias = graph.output(node), graph.operand(node, BIAS)
        kinds = [t.dtype for t in (x, features, time, state, output)]
        expected = "float32" if x.dtype == FLOAT32 else "int32"
        if bias is not None and bias.dtype.name != expected:
            return f"a bias of {bias.dtype.name}; {expected} is needed"
        self.sizes(node, graph)
        if kinds == [FLOAT32] * 5:
            return None
        if kinds not in ([INT8, INT8, s, s, INT8] for s in (INT16, INT8)):
            return f"types {', '.join(k.name for k in kinds)}; int8 with time weights and state of one type, or float32"
        if attrs_of(node).activation not in ("NONE", "RELU"):
            return f"fused activation {attrs_of(node).activation}"
        return scale_reason(x, output, state) or self._weights_reason(node, graph)

    def _weights_reason(self, node: Node, graph: Graph) -> str | None:
        """Why weights or sums of an integer layer cannot be run, or None."""
        for position in (FEATURES, TIME):
            quant = graph.required(node, position).quant
            if quant is None or quant.per_channel or any(quant.zero_point):
                return f"weights {position} need one scale and a zero point of 0"
        features = graph.constant(node, FEATURES).astype(np.int64)
        low, high = accumulator_range(
            features, np.zeros(len(features), np.int64), graph.required(node, 0).zero_point
        )
        (_, first), (_, second) = self.factors(node, graph)
        if max(-int(low.min()), int(high.max()), 1) << max(first, 0) >= 1 << 31 or second > 0:
            return "the scale of the state or of the output is too small"
        return None

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        batch, _, filters, _ = self.sizes(node, graph)
        return [(batch, filters // attrs_of(node).rank), graph.required(node, STATE).shape]

    @staticmethod
    def factors(node: Node, graph: Graph) -> tuple[tuple[int, int], tuple[int, int]]:
        """(multiplier, shift) from the input's sums to the state, and from the state's sums to the output."""
        x, features, time, state = (graph.required(node, p).scale for p in (0, FEATURES, TIME, STATE))
        return quantize_multiplier(x * features / state), quantize_multiplier(
            state * time / graph.output(node).scale
        )

    def reference(self, node: Node, graph: Graph, values: Values) -> list[np.ndarray]:
        x, state = values[0], values[STATE]
        assert x is not None
        assert state is not None
        batch, _, filters, memory = self.sizes(node, graph)
        past = state.reshape(batch, filters, memory)[:, :, 1:]
        if x.dtype == np.float32:
            return self._float_results(node, graph, x, past)
        tensor, output = graph.required(node, STATE), graph.output(node)
        first, second = self.factors(node, graph)
        centred = x.astype(np.int64) - graph.required(node, 0).zero_point
        sums = centred @ graph.constant(node, FEATURES).astype(np.int64).T
        newest = multiply_by_quantized_multiplier(sums, *first) + tensor.zero_point
        newest = np.clip(newest, *tensor.dtype.range).astype(state.dtype)
        after = np.concatenate([past, newest[:, :, None]], axis=2)
        time = graph.constant(node, TIME).astype(np.int64)
        weighted = ((after.astype(np.int64) - tensor.zero_point) * time).sum(axis=2)
        units = weighted.reshape(batch, -1, attrs_of(node).rank).sum(axis=2)
        total = wrap32(units + bias_or_zero(node, graph, units.shape[1], np.int64, BIAS))
        codes = multiply_by_quantized_multiplier(total, *second) + output.zero_point
        return [np.clip(codes, -128, 127).astype(np.int8), after.reshape(state.shape)]

    @staticmethod
    def _float_results(node: Node, graph: Graph, x: np.ndarray, past: np.ndarray) -> list[np.ndarray]:
        features, time = graph.constant(node, FEATURES), graph.constant(node, TIME)
        newest = np.zeros(past.shape[:2], np.float32)
        for k in range(x.shape[1]):
            newest = newest + x[:, k, None] * features[None, :, k]
        after = np.concatenate([past, newest[:, :, None]], axis=2)
        units = features.shape[0] // attrs_of(node).rank
        rows = after.reshape(len(x), units, -1)
        weights = time.reshape(units, -1)
        total = np.repeat(bias_or_zero(node, graph, units, np.float32, BIAS)[None], len(x), axis=0)
        for k in range(rows.shape[2]):
            total = total + rows[:, :, k] * weights[None, :, k]
        low, high = float_limits(attrs_of(node).activation)
        return [np.clip(total, low, high).astype(np.float32), after.reshape(len(x), -1)]

    def macs(self, node: Node, graph: Graph) -> int:
        batch, width, filters, memory = self.sizes(node, graph)
        return batch * filters * (width + memory)

    def lower(self, node: Node, graph: Graph) -> list[Step]:
        batch, width, filters, memory = self.sizes(node, graph)
        rank, state = attrs_of(node).rank, graph.required(node, STATE)
        params: dict[str, Param] = {"batch": batch, "width": width, "units": filters // rank}
        params |= {"rank": rank, "memory": memory}
        if state.dtype.is_float:
            params["minimum"], params["maximum"] = float_limits(attrs_of(node).activation)
        else:
            (a, b), (c, d) = self.factors(node, graph)
            params |= {"in_zero": graph.required(node, 0).zero_point, "state_zero": state.zero_point}
            params |= {"out_zero": graph.output(node).zero_point}
            params |= {"state_multiplier": a, "state_shift": b, "multiplier": c, "shift": d}
        kind = np.float32 if state.dtype.is_float else np.int32
        constants = (
            Constant("features", graph.constant(node, FEATURES)),
            Constant("time", graph.constant(node, TIME)),
            Constant("bias", bias_or_zero(node, graph, filters // rank, kind, BIAS)),
        )
        contract = "svdf_f32" if state.dtype.is_float else f"svdf_s8_{state.dtype.code}"
        inputs = node.inputs[0], node.inputs[STATE]
        macs = self.macs(node, graph)
        return [
            KernelCall(
                "svdf", contract, params, inputs, node.outputs, constants, inplace=((1, 1),), macs=macs
            )
        ]

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        kind = draw.choice(("int8", "float32"))
        batch, width, units, rank, memory = (draw.integer(1, n) for n in (2, 9, 5, 3, 6))
        filters = units * rank
        if kind == "float32":
            x = case.input((batch, width), kind)
            features, time, bias = (
                case.constant(draw.array(shape, -64, 64).astype(np.float32) / np.float32(64))
                for shape in ((filters, width), (filters, memory), (units,))
            )
            state = case.add(Tensor("s", (batch, filters * memory), BY_NAME[kind]))
            attrs = SvdfAttrs(rank, draw.choice(ACTIVATIONS))
            outputs: list[tuple[str, Quantization | None]] = [(kind, None), (kind, None)]
        else:
            scales = [case.scale(-8, -5) for _ in range(3)]
            held = float(np.float32(scales[0] * scales[1] * 2.0 ** draw.integer(-3, 2)))
            x = case.input((batch, width), kind, Quantization((scales[0],), (draw.choice((0, -128, 9)),)))
            features = case.constant(
                draw.array((filters, width), -127, 127).astype(np.int8), Quantization((scales[1],), (0,))
            )
            time = case.constant(
                draw.array((filters, memory), -900, 900).astype(np.int16), Quantization((scales[2],), (0,))
            )
            values = draw.array((units,), -3000, 3000).astype(np.int32)
            bias = case.constant(values, Quantization((float(np.float32(held * scales[2])),), (0,)))
            state_quant = Quantization((held,), (0,))
            state = case.add(Tensor("s", (batch, filters * memory), BY_NAME["int16"], state_quant))
            attrs = SvdfAttrs(rank, "RELU")
            out = Quantization((float(np.float32(held * scales[2] * 2.0 ** draw.integer(10, 18))),), (-128,))
            outputs = [(kind, out), ("int16", state_quant)]
        inputs = [x, features, time, bias if draw.choice((True, False)) else ABSENT, state]
        return _cases.stateful(case.graph(self, inputs, attrs, outputs), self)


OPERATOR = Svdf()
