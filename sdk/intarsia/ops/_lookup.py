# SPDX-License-Identifier: Apache-2.0
"""Shared by operators of one tensor that treat each element alone: int8 becomes a table of 256 codes."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from intarsia.dtypes import INT16
from intarsia.fixedpoint import Int64Array, multiply_by_quantized_multiplier, quantize_multiplier
from intarsia.floatmath import Float32Array
from intarsia.ir import Attrs, Graph, Node, Quantization
from intarsia.kernelcall import Constant, KernelCall, Param, Step
from intarsia.ops import _cases, _packed
from intarsia.ops._elementwise import case_quant
from intarsia.ops._packed import all_codes, any_packed, look_up, requantization_reason
from intarsia.ops.base import Draw, Field, Operator, Shape, Values, pointwise

_LARGEST_SHIFT = 22  # a difference of two codes has at most 9 bits with its sign
LARGEST_WIDE_SHIFT = 14
"""What int16 codes can be shifted left within 32 bits."""


class FloatUnary(Operator, ABC):
    """An element-wise operator of one float32 tensor."""

    types: ClassVar[tuple[str, ...]] = ("float32",)

    @abstractmethod
    def real(self, node: Node, x: Float32Array) -> Float32Array:
        """float32 outputs for float32 inputs."""

    @abstractmethod
    def float_kernel(self, node: Node) -> tuple[str, str, dict[str, Param]]:
        """Folder, contract and parameters (beside `size`) of the float32 kernel."""

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        x, out = graph.required(node, 0), graph.output(node)
        if x.dtype.name not in self.types or x.dtype != out.dtype:
            return f"{x.dtype.name} input with {out.dtype.name} output"
        return None

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        return [graph.required(node, 0).shape]

    def reference(self, node: Node, graph: Graph, values: Values) -> list[np.ndarray]:
        x = values[0]
        assert x is not None
        with np.errstate(all="ignore"):
            return [self.real(node, x).astype(np.float32)]

    def receptive_field(self, node: Node, graph: Graph) -> tuple[Field, Field] | None:
        return pointwise(node, graph)

    def lower(self, node: Node, graph: Graph) -> list[Step]:
        op, contract, params = self.float_kernel(node)
        size: dict[str, Param] = {"size": graph.required(node, 0).elements}
        return [
            KernelCall(op, contract, {**size, **params}, node.inputs[:1], node.outputs, inplace=((0, 0),))
        ]

    def case_attrs(self, draw: Draw) -> Attrs:
        return self.attrs()

    def case_outputs(
        self, case: _cases.Case, kind: str
    ) -> tuple[Quantization | None, list[tuple[str, Quantization | None]]]:
        """Quantization of the input, and type and quantization of the output, of a random case."""
        return None, [(kind, None)]

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        kind = draw.choice(self.types)
        shape = draw.choice(((256,), (2, 128), (1,), (1, 5, 3), (2, 3, 1, 7), (3, 3, 4, 17)))
        attrs = self.case_attrs(draw)
        source, outputs = self.case_outputs(case, kind)
        return case.graph(self, [case.input(shape, kind, source)], attrs, outputs)


class UnaryOperator(FloatUnary, ABC):
    """An element-wise operator of one tensor, int8 (int4, int2) or float32."""

    narrow = True
    types: ClassVar[tuple[str, ...]] = ("int8", "float32")

    @abstractmethod
    def codes(self, node: Node, graph: Graph, x: Int64Array) -> Int64Array:
        """int8 output codes for int8 input codes."""

    def scale_fault(self, node: Node, graph: Graph) -> str | None:
        """Why the scales of an int8 node cannot be run, or None."""
        return None

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        x, out = graph.required(node, 0), graph.output(node)
        if self.narrow and any_packed(x, out):
            return requantization_reason(x, out) or self.scale_fault(node, graph)
        if reason := super().unsupported(node, graph):
            return reason
        if x.dtype.is_float:
            return None
        if any(t.quant is None or t.quant.per_channel for t in (x, out)):
            return f"{x.dtype.name} tensors must have one scale each"
        return self.scale_fault(node, graph)

    def table(self, node: Node, graph: Graph) -> np.ndarray:
        """int8 output codes in the order of the bits of the input codes (0..127, -128..-1)."""
        codes = self.codes(node, graph, all_codes(graph.required(node, 0).dtype))
        return np.clip(codes, *graph.output(node).dtype.range).astype(np.int8)

    def reference(self, node: Node, graph: Graph, values: Values) -> list[np.ndarray]:
        x = values[0]
        assert x is not None
        if x.dtype == np.float32:
            return super().reference(node, graph, values)
        return [look_up(self.table(node, graph), x)]

    def lower(self, node: Node, graph: Graph) -> list[Step]:
        source = graph.required(node, 0)
        if source.dtype.is_float:
            return super().lower(node, graph)
        if any_packed(source, graph.output(node)):
            return [_packed.lookup_call(node, graph, self.table(node, graph))]
        return [lookup_call(node, source.elements, self.table(node, graph))]

    def case_quants(self, case: _cases.Case) -> tuple[Quantization, Quantization]:
        """Quantization of input and output of a random int8 case."""
        scale = case.scale(-9, 1)
        out = scale * 2.0 ** case.draw.integer(-2, 2) * (1 + case.draw.integer(0, 1000) / 1000)
        return case_quant(case, scale), case_quant(case, out)

    def case_outputs(
        self, case: _cases.Case, kind: str
    ) -> tuple[Quantization | None, list[tuple[str, Quantization | None]]]:
        if kind == "float32":
            return super().case_outputs(case, kind)
        source, out = self.case_quants(case)
        return source, [(kind, out)]


class WideUnaryOperator(UnaryOperator, ABC):
    """An element-wise operator that takes int16 as well, by a kernel of its own."""

    types = ("int8", "float32", "int16")

    @abstractmethod
    def wide_codes(self, node: Node, graph: Graph, x: Int64Array) -> Int64Array:
        """int16 output codes for int16 input codes."""

    @abstractmethod
    def wide_kernel(
        self, node: Node, graph: Graph
    ) -> tuple[str, str, dict[str, Param], tuple[Constant, ...]]:
        """Folder, contract, parameters (beside `size`) and constants of the int16 kernel."""

    @abstractmethod
    def wide_fault(self, node: Node, graph: Graph) -> str | None:
        """Why the scales of an int16 node cannot be run, or None."""

    @abstractmethod
    def wide_quants(self, case: _cases.Case) -> tuple[Quantization, Quantization]:
        """Quantization of input and output of a random int16 case."""

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        x, out = graph.required(node, 0), graph.output(node)
        if x.dtype != INT16 or out.dtype != INT16:
            return super().unsupported(node, graph)
        if any(t.quant is None or t.quant.per_channel or t.zero_point for t in (x, out)):
            return "int16 tensors must have one scale each and a zero point of 0"
        return self.wide_fault(node, graph)

    def reference(self, node: Node, graph: Graph, values: Values) -> list[np.ndarray]:
        x = values[0]
        assert x is not None
        if x.dtype != np.int16:
            return super().reference(node, graph, values)
        return [np.clip(self.wide_codes(node, graph, x.astype(np.int64)), *INT16.range).astype(np.int16)]

    def lower(self, node: Node, graph: Graph) -> list[Step]:
        source = graph.required(node, 0)
        if source.dtype != INT16:
            return super().lower(node, graph)
        op, contract, params, constants = self.wide_kernel(node, graph)
        size: dict[str, Param] = {"size": source.elements}
        return [
            KernelCall(
                op, contract, size | params, node.inputs[:1], node.outputs, constants, inplace=((0, 0),)
            )
        ]

    def case_outputs(
        self, case: _cases.Case, kind: str
    ) -> tuple[Quantization | None, list[tuple[str, Quantization | None]]]:
        if kind != "int16":
            return super().case_outputs(case, kind)
        source, out = self.wide_quants(case)
        return source, [(kind, out)]


def lookup_call(node: Node, size: int, table: np.ndarray) -> KernelCall:
    """A call of the int8 table kernel."""
    return KernelCall(
        "lookup",
        "lookup_s8",
        {"size": size},
        node.inputs[:1],
        node.outputs,
        constants=(Constant("table", table),),
        inplace=((0, 0),),
    )


def saturate(x: Int64Array) -> Int64Array:
    return np.clip(x, -128, 127)


def scaled(x: Int64Array, factor: float) -> Int64Array:
    """x * factor by TFLite's quantized multiplier; negative factors keep their sign in the multiplier."""
    multiplier, shift = quantize_multiplier(abs(factor))
    return multiply_by_quantized_multiplier(x, multiplier if factor >= 0 else -multiplier, shift)


def factor_fault(*factors: float, largest_shift: int = _LARGEST_SHIFT) -> str | None:
    """Why factors between scales cannot be run, or None: differences of codes must not overflow 32 bits."""
    if any(not math.isfinite(f) or quantize_multiplier(abs(f))[1] > largest_shift for f in factors):
        return "the output scale is too small for the input scale"
    return None


def wide_case_quants(case: _cases.Case) -> tuple[Quantization, Quantization]:
    """Any int16 scales, the output's within a factor of 8 of the input's."""
    scale = case.scale(-16, -4)
    out = scale * 2.0 ** case.draw.integer(-2, 2) * (1 + case.draw.integer(0, 1000) / 1000)
    return case_quant(case, scale, "int16"), case_quant(case, out, "int16")


def transform_codes(
    node: Node, graph: Graph, x: Int64Array, transform: Callable[[np.ndarray], np.ndarray]
) -> Int64Array:
    """Codes of a real function as TFLite's tables have them (LUTPopulate): everything in float32.

    `transform` takes float64 and gives the function's value in float64, which is rounded to float32 once.
    """
    source, out = graph.required(node, 0), graph.output(node)
    real = np.float32(source.scale) * (x - source.zero_point).astype(np.float32)
    value = transform(real.astype(np.float64)).astype(np.float32)
    steps = np.clip((value * (np.float32(1) / np.float32(out.scale))).astype(np.float64), -(2.0**31), 2.0**31)
    return saturate((np.trunc(steps + np.copysign(0.5, steps)) + out.zero_point).astype(np.int64))
