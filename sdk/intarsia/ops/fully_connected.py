# SPDX-License-Identifier: Apache-2.0
"""FULLY_CONNECTED: int8 (weights per tensor or per channel, per tensor with zero point), 16x8 and float32.

Inputs: any feature map whose elements are a multiple of the weights' columns, weights [units, columns],
optional bias. Under rule `tflm` accumulators are scaled by a rounded factor and rounded twice. The reference
kernel of rule `litert` multiplies the accumulator by the factor in float64 and rounds that once, ties away
from zero; integer factors that give the same codes on every reachable accumulator are found, and proved, when
the layer is lowered.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from intarsia.dtypes import INT16, NARROW
from intarsia.fixedpoint import Int64Array, Requantization
from intarsia.ir import RULES, Attrs, Graph, Node
from intarsia.kernelcall import Constant, KernelCall, Step
from intarsia.ops import _cases
from intarsia.ops._common import (
    ACTIVATIONS,
    Activation,
    activation_name,
    float_limits,
    quantized_limits,
    schema,
)
from intarsia.ops._convolution import (
    MAX_PACKED_TAPS,
    accumulator_range,
    bias_or_zero,
    channel_factors,
    channel_requantization,
    float_dot,
    integer_dot,
    is_packed,
    packed_params,
    packed_weights,
    quantization_of,
    range_reason,
    requantization_constants,
    types_reason,
    weights_zero_point,
)
from intarsia.ops._exactscale import exact_factor
from intarsia.ops._narrowsums import matrix_codes
from intarsia.ops._wide import (
    WideRequantization,
    is_wide,
    weights_per_channel,
    wide_range_reason,
    wide_reason,
)
from intarsia.ops.base import Draw, Operator, Shape, Values, WeightRule


@dataclass(frozen=True)
class FullyConnectedAttrs(Attrs):
    """`keep_dims`: the output keeps the input's leading dimensions instead of being [batch, units]."""

    activation: Activation = "NONE"
    keep_dims: bool = False


def attrs_of(node: Node) -> FullyConnectedAttrs:
    assert isinstance(node.attrs, FullyConnectedAttrs)
    return node.attrs


class FullyConnected(Operator):
    name = "FULLY_CONNECTED"
    unsigned = ""
    batchwise = True
    narrow = True
    half = True
    attrs = FullyConnectedAttrs
    weights = WeightRule(weights=1, bias=2, axis=0)

    def parse(self, options: Any) -> FullyConnectedAttrs:
        if options.weightsFormat != 0:
            raise ValueError(f"weights format {options.weightsFormat} (shuffled) is not supported")
        return FullyConnectedAttrs(
            activation_name(options.fusedActivationFunction), bool(options.keepNumDims)
        )

    def options(self, attrs: Attrs) -> Any:
        assert isinstance(attrs, FullyConnectedAttrs)
        options = schema().FullyConnectedOptionsT()
        options.fusedActivationFunction = ACTIVATIONS.index(attrs.activation)
        options.keepNumDims = attrs.keep_dims
        return options

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        shape, weights = graph.required(node, 0).shape, graph.required(node, 1).shape
        if len(weights) != 2 or min(weights) < 1 or math.prod(shape) % weights[1] or not shape:
            raise ValueError(f"weights {list(weights)} do not fit an input of {list(shape)}")
        units, columns = weights
        if not attrs_of(node).keep_dims:
            return [(math.prod(shape) // columns, units)]
        if shape[-1] != columns:
            raise ValueError(f"weights {list(weights)} do not fit the last dimension of {list(shape)}")
        return [(*shape[:-1], units)]

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        units = graph.required(node, 1).shape[0]
        if is_wide(node, graph):
            return wide_reason(node, graph, units) or self._wide_reason(node, graph)
        if reason := types_reason(node, graph, units, narrow=NARROW):
            return reason
        if graph.required(node, 0).dtype.is_float:
            return None
        quant = quantization_of(graph.required(node, 1))
        if quant.per_channel and set(quant.zero_point) != {0}:
            return "weights with a scale per channel must have zero point 0"
        if is_packed(node, graph) and (reason := self._packed_reason(node, graph)):
            return reason
        requant = self.requant(node, graph) if graph.rule != "litert" else None
        source = graph.required(node, 0)
        kernel, bias = self.kernel_and_bias(node, graph)
        if reason := range_reason(kernel, bias, source.zero_point, requant, source.dtype.range):
            return reason
        if requant is None and None in self.exact_factors(node, graph):
            return "no 64-bit factor rounds as float64 does on every accumulator of this layer"
        return None

    def _packed_reason(self, node: Node, graph: Graph) -> str | None:
        columns = graph.required(node, 1).shape[1]
        if columns > MAX_PACKED_TAPS:
            return f"rows of {columns} values"
        if columns % self.run(node, graph):
            return f"rows of {columns} values, which packed runs of {graph.required(node, 0).shape[-1]} do not fill"
        return None

    @staticmethod
    def run(node: Node, graph: Graph) -> int:
        """Elements of the runs that rows of a packed input are made of; whole bytes join to one."""
        source, columns = graph.required(node, 0), graph.required(node, 1).shape[1]
        run = source.shape[-1]
        return columns if run * source.dtype.bits % 8 == columns * source.dtype.bits % 8 == 0 else run

    @staticmethod
    def kernel_and_bias(node: Node, graph: Graph) -> tuple[Int64Array, Int64Array]:
        """Weights without their zero point, and bias."""
        kernel = graph.constant(node, 1).astype(np.int64) - weights_zero_point(graph.required(node, 1))
        return kernel, bias_or_zero(node, graph, kernel.shape[0], np.int64)

    @staticmethod
    def requant(node: Node, graph: Graph) -> Requantization:
        """Factors of rule `tflm`: the scale product is a float32, with scales per channel a float64."""
        weights, activation = graph.required(node, 1), attrs_of(node).activation
        float_product = not quantization_of(weights).per_channel
        return channel_requantization(node, graph, weights.shape[0], activation, float_product=float_product)

    def _wide_reason(self, node: Node, graph: Graph) -> str | None:
        """Why the sums of a 16x8 layer cannot be scaled, or None."""
        if graph.rule == "litert":
            return "16x8 layers round as under rule tflm alone: take --reference tflm"
        kernel, bias = self.kernel_and_bias(node, graph)
        if graph.operand(node, 2) is None:
            return range_reason(kernel, bias, 0, self.requant(node, graph), INT16.range)
        return wide_range_reason(kernel, bias, self.wide_requant(node, graph))

    @staticmethod
    def wide_requant(node: Node, graph: Graph) -> WideRequantization:
        units, single = graph.required(node, 1).shape[0], not weights_per_channel(node, graph)
        return WideRequantization.of(node, graph, units, attrs_of(node).activation, float_product=single)

    def exact_factors(self, node: Node, graph: Graph) -> list[tuple[int, int] | None]:
        """Factors of rule `litert` per unit; None where there is none."""
        kernel, bias = self.kernel_and_bias(node, graph)
        source = graph.required(node, 0)
        low, high = accumulator_range(kernel, bias, source.zero_point, source.dtype.range)
        output = graph.output(node)
        minimum, maximum = quantized_limits(attrs_of(node).activation, output)
        codes = minimum - output.zero_point, maximum - output.zero_point
        factors = channel_factors(node, graph, kernel.shape[0], float_product=False)
        return [
            exact_factor(float(factor), (int(a), int(b)), codes)
            for factor, a, b in zip(factors, low, high, strict=True)
        ]

    def reference(self, node: Node, graph: Graph, values: Values) -> list[np.ndarray]:
        x, weights = values[0], values[1]
        assert x is not None
        assert weights is not None
        (shape,) = self.infer(node, graph)
        rows = x.reshape(-1, weights.shape[1])
        if x.dtype.kind == "f":
            total = float_dot(rows, weights) + bias_or_zero(node, graph, weights.shape[0], np.float32)
            limits = float_limits(attrs_of(node).activation)
            return [np.clip(total, *limits).astype(x.dtype).reshape(shape)]
        kernel, bias = self.kernel_and_bias(node, graph)
        if graph.rule != "litert" and not is_wide(node, graph):
            zero_point, requant = graph.required(node, 0).zero_point, self.requant(node, graph)
            return [matrix_codes(rows, kernel, bias, zero_point, requant).reshape(shape)]
        total = integer_dot(rows.astype(np.int64) - graph.required(node, 0).zero_point, kernel) + bias
        if graph.rule == "litert":
            codes: np.ndarray = self._round_once(node, graph, total)
        elif is_wide(node, graph) and graph.operand(node, 2) is not None:
            codes = self.wide_requant(node, graph).apply(total)
        else:
            codes = self.requant(node, graph).apply(total)
        return [codes.astype(graph.output(node).dtype.numpy).reshape(shape)]

    @staticmethod
    def _round_once(node: Node, graph: Graph, total: Int64Array) -> Int64Array:
        """Output codes under rule `litert`, as its reference kernel computes them."""
        output = graph.output(node)
        scaled = total.astype(np.float64) * channel_factors(node, graph, total.shape[1], float_product=False)
        whole = np.trunc(scaled)
        rounded = whole + np.sign(scaled) * (np.abs(scaled - whole) >= 0.5)
        codes = np.clip(rounded + output.zero_point, *quantized_limits(attrs_of(node).activation, output))
        return np.asarray(codes, np.int64)

    def macs(self, node: Node, graph: Graph) -> int:
        return graph.required(node, 0).elements * graph.required(node, 1).shape[0]

    def lower(self, node: Node, graph: Graph) -> list[Step]:
        source, (units, columns) = graph.required(node, 0), graph.required(node, 1).shape
        params: dict[str, Any] = {"batch": source.elements // columns, "columns": columns, "units": units}
        weights = Constant("weights", graph.constant(node, 1))
        common: dict[str, Any] = {
            "inputs": (node.inputs[0],),
            "outputs": node.outputs,
            "macs": self.macs(node, graph),
        }
        if source.dtype.is_float:
            params["minimum"], params["maximum"] = float_limits(attrs_of(node).activation)
            bias = Constant("bias", bias_or_zero(node, graph, units, np.float32))
            contract = f"fully_connected_{source.dtype.code}"
            return [
                KernelCall("fully_connected", contract, params=params, constants=(weights, bias), **common)
            ]
        constants: tuple[Constant, ...]
        if is_wide(node, graph):
            minimum, maximum = quantized_limits(attrs_of(node).activation, graph.output(node))
            params |= {"minimum": minimum, "maximum": maximum}
            contract, constants = "fully_connected_s16_s8", (weights, *self._wide_scaling(node, graph))
            if graph.operand(node, 2) is None:
                contract = "fully_connected_s16_s8_unbiased"
            return [KernelCall("fully_connected", contract, params=params, constants=constants, **common)]
        minimum, maximum = quantized_limits(attrs_of(node).activation, graph.output(node))
        params |= {
            "in_zero": source.zero_point,
            "weights_zero": weights_zero_point(graph.required(node, 1)),
            "out_zero": graph.output(node).zero_point,
            "minimum": minimum,
            "maximum": maximum,
        }
        bias = Constant("bias", bias_or_zero(node, graph, units, np.int32))
        contract = "fully_connected_s8_s8_once" if graph.rule == "litert" else "fully_connected_s8_s8"
        constants = (weights, bias, *self._scaling(node, graph))
        if is_packed(node, graph):
            contract = contract.replace("s8_s8", "packed")
            weights, widths = packed_weights(graph.required(node, 1))
            constants = (weights, *constants[1:], widths)
            params |= {**packed_params(node, graph), "in_run": self.run(node, graph)}
            common["scratch"] = 2 * columns
        return [KernelCall("fully_connected", contract, params=params, constants=constants, **common)]

    def _wide_scaling(self, node: Node, graph: Graph) -> tuple[Constant, ...]:
        """Constants behind the weights of a 16x8 layer; without a bias, sums are of 32 bits and scaled as such."""
        if graph.operand(node, 2) is None:
            return requantization_constants(self.requant(node, graph))
        return (Constant("bias", graph.constant(node, 2)), *self.wide_requant(node, graph).constants())

    def _scaling(self, node: Node, graph: Graph) -> tuple[Constant, Constant]:
        """Constants multiplier and shift for the rule of the graph."""
        if graph.rule != "litert":
            return requantization_constants(self.requant(node, graph))
        pairs = [pair for pair in self.exact_factors(node, graph) if pair is not None]
        return (
            Constant("multiplier", np.array([m for m, _ in pairs], np.int64)),
            Constant("shift", np.array([s for _, s in pairs], np.int8)),
        )

    def cases(self, draw: Draw) -> Graph:
        columns, units = draw.choice((1, 4, 7, 16, 33)), draw.choice((1, 3, 8, 10))
        keep_dims = draw.choice((False, True))
        if keep_dims:
            shape = draw.choice(((2, columns), (1, 3, columns), (2, 1, 2, columns)))
        else:
            shape = draw.choice(((1, columns), (3, columns), (2, 1, columns), (1, 2, 2, columns)))
        attrs = FullyConnectedAttrs(draw.choice(ACTIVATIONS), keep_dims)
        case = _cases.Case(draw)
        x = case.input(shape, draw.choice(("int8", "float32", "int16")))
        wide = case.tensors[x].dtype == INT16
        weights = case.weights(x, (units, columns), axis=None if wide else 0)
        inputs = [x, weights]
        if draw.choice((True, False)):
            inputs.append(case.bias(x, weights, units))
        graph = case.graph(self, inputs, attrs)
        quant = case.tensors[weights].quant
        per_channel = quant is not None and quant.per_channel
        # tflite-runtime 2.14, the witness of rule `tflm`, knows no scales per channel here; TFLM does
        if case.tensors[x].dtype == INT16:
            return graph.replace(rule="tflm")
        return graph.replace(rule="litert" if per_channel else draw.choice(RULES))


OPERATOR = FullyConnected()
