# SPDX-License-Identifier: Apache-2.0
"""Shared by operators that combine two tensors element by element: broadcasting, operand order, lowering."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from intarsia.dtypes import FLOAT16, INT8, INT16
from intarsia.fixedpoint import Int64Array
from intarsia.ir import Attrs, Graph, Node, Quantization, Tensor
from intarsia.kernelcall import Constant, KernelCall, Param, Step
from intarsia.ops import _cases
from intarsia.ops._common import ACTIVATIONS, Activation, activation_name, float_limits
from intarsia.ops._packed import any_packed, joined_runs, requantization_reason
from intarsia.ops.base import Draw, Field, Operator, Shape, Values, pointwise

QUANTIZED = (INT8, INT16)
"""Integer types whose codes stand for real numbers."""

MAX_AXES = 4
_AXIS_LIMIT = 5


@dataclass(frozen=True)
class Broadcast:
    """Two operands walked over one output: extents of at most four merged axes and strides along them.

    A stride of 0 repeats the operand along that axis. The innermost axis comes last.
    """

    shape: tuple[int, ...]
    a_stride: tuple[int, ...]
    b_stride: tuple[int, ...]

    @staticmethod
    def of(a: Shape, b: Shape) -> Broadcast:
        """Raises ValueError when the shapes do not fit or more than four axes remain after merging."""
        out = broadcast_shape(a, b)
        a, b = _padded(a, len(out)), _padded(b, len(out))
        axes: list[tuple[int, bool, bool]] = []
        for extent, in_a, in_b in zip(out, a, b, strict=True):
            if extent == 1:
                continue
            kind = (in_a > 1, in_b > 1)
            if axes and axes[-1][1:] == kind:
                axes[-1] = (axes[-1][0] * extent, *kind)
            else:
                axes.append((extent, *kind))
        if len(axes) > MAX_AXES:
            raise ValueError(f"broadcasting {list(a)} with {list(b)} needs more than {MAX_AXES} axes")
        axes = [(1, False, False)] * (MAX_AXES - len(axes)) + axes
        return Broadcast(
            tuple(extent for extent, _, _ in axes),
            _strides([(extent, used) for extent, used, _ in axes]),
            _strides([(extent, used) for extent, _, used in axes]),
        )

    def params(self) -> dict[str, Param]:
        """The fields as parameters of a kernel, in declaration order."""
        return {"shape": self.shape, "a_stride": self.a_stride, "b_stride": self.b_stride}


def _padded(shape: Shape, rank: int) -> Shape:
    return (1,) * (rank - len(shape)) + shape


def _strides(axes: list[tuple[int, bool]]) -> tuple[int, ...]:
    strides, step = [], 1
    for extent, used in reversed(axes):
        strides.append(step if used else 0)
        step *= extent if used else 1
    return tuple(reversed(strides))


def broadcast_shape(a: Shape, b: Shape) -> Shape:
    """Shape of the result. Raises ValueError naming both shapes when they do not fit together."""
    try:
        return tuple(int(n) for n in np.broadcast_shapes(a, b))
    except ValueError:
        raise ValueError(f"shapes {list(a)} and {list(b)} do not fit together") from None


@dataclass(frozen=True)
class FusedAttrs(Attrs):
    """Options of an operator with a fused activation."""

    activation: Activation = "NONE"


class ElementwiseOperator(Operator, ABC):
    """An operator of two operands that broadcast. A constant operand is the second of the kernel."""

    types: tuple[str, ...] = ("int8", "float32")
    flat: tuple[str, ...] = ()
    """Element types that have a kernel of their own for operands of equal size, without broadcasting."""
    second = "b"
    """Name of the kernel's second operand when it is constant."""

    @abstractmethod
    def compute(self, node: Node, graph: Graph, a: np.ndarray, b: np.ndarray, swapped: bool) -> np.ndarray:
        """The result for operands in kernel order; `swapped` says that `a` is the node's second operand."""

    @abstractmethod
    def arithmetic(self, node: Node, graph: Graph, swapped: bool) -> dict[str, Param]:
        """Parameters of the kernel beside the shape, for operands in kernel order."""

    def contract(self, code: str, flat: bool) -> str:
        word = self.name.lower()
        return f"{word}_broadcast_{code}" if code in self.flat and not flat else f"{word}_{code}"

    def scale_fault(self, node: Node, graph: Graph) -> str | None:
        """Why the scales of an int8 node cannot be run, or None."""
        return None

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        a, b, out = graph.required(node, 0), graph.required(node, 1), graph.output(node)
        if self.narrow and any_packed(a, b, out):
            return self.packed_reason(node, graph)
        known = a.dtype.name in self.types or (self.half and a.dtype == FLOAT16)
        if not known or a.dtype != b.dtype or a.dtype != out.dtype:
            return f"{a.dtype.name} with {b.dtype.name} giving {out.dtype.name}"
        if a.is_constant and b.is_constant:
            return "both operands are constant"
        try:
            Broadcast.of(a.shape, b.shape)
        except ValueError as error:
            return str(error)
        if a.dtype not in QUANTIZED:
            return None
        if any(t.quant is None or t.quant.per_channel for t in (a, b, out)):
            return f"{a.dtype.name} tensors must have one scale each"
        if a.dtype == INT16 and any(t.zero_point for t in (a, b, out)):
            return "int16 tensors must have a zero point of 0"
        return self.scale_fault(node, graph)

    def packed_reason(self, node: Node, graph: Graph) -> str | None:
        """Why a node with int4 or int2 tensors cannot be run, or None."""
        a, b, out = graph.required(node, 0), graph.required(node, 1), graph.output(node)
        if a.is_constant or b.is_constant or not a.shape == b.shape == out.shape:
            return "operands below 8 bits must be feature maps of equal shapes"
        return requantization_reason(a, out) or requantization_reason(b, out) or self.scale_fault(node, graph)

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        return [broadcast_shape(graph.required(node, 0).shape, graph.required(node, 1).shape)]

    def reference(self, node: Node, graph: Graph, values: Values) -> list[np.ndarray]:
        a, b = values[0], values[1]
        assert a is not None
        assert b is not None
        swapped = graph.required(node, 0).is_constant
        first, second = (b, a) if swapped else (a, b)
        result = self.compute(node, graph, first, second, swapped)
        return [result.astype(a.dtype).reshape(graph.output(node).shape)]

    def receptive_field(self, node: Node, graph: Graph) -> tuple[Field, Field] | None:
        return pointwise(node, graph)

    def lower(self, node: Node, graph: Graph) -> list[Step]:
        return self.calls(node, graph, self.equal_extents(node, graph))

    def lower_alike(self, places: Sequence[tuple[Node, Graph]]) -> list[list[Step]]:
        equal = all(self.equal_extents(node, graph) for node, graph in places)
        return [self.calls(node, graph, equal) for node, graph in places]

    def equal_extents(self, node: Node, graph: Graph) -> bool:
        """Whether neither operand is repeated."""
        a, b, out = graph.required(node, 0), graph.required(node, 1), graph.output(node)
        return a.elements == b.elements == out.elements

    def calls(self, node: Node, graph: Graph, equal: bool) -> list[Step]:
        """The kernel call; `equal` allows a kernel without broadcasting."""
        swapped = graph.required(node, 0).is_constant
        first, second = (1, 0) if swapped else (0, 1)
        a, b, out = graph.required(node, first), graph.required(node, second), graph.output(node)
        if any_packed(a, b, out):
            return [self.packed_call(node, graph)]
        is_flat = equal and a.dtype.code in self.flat
        place: dict[str, Param] = (
            {"size": out.elements} if is_flat else Broadcast.of(a.shape, b.shape).params()
        )
        inputs = (node.inputs[first],) if b.is_constant else (node.inputs[first], node.inputs[second])
        return [
            KernelCall(
                self.name.lower(),
                self.contract(a.dtype.code, equal),
                params={**place, **self.arithmetic(node, graph, swapped)},
                inputs=inputs,
                outputs=node.outputs,
                constants=(Constant(self.second, graph.constant(node, second)),) if b.is_constant else (),
                inplace=tuple(
                    (i, 0) for i, t in enumerate(inputs) if graph.tensor(t).elements == out.elements
                ),
            )
        ]

    def packed_call(self, node: Node, graph: Graph) -> KernelCall:
        """The call of the kernel for packed types."""
        a, b, out = graph.required(node, 0), graph.required(node, 1), graph.output(node)
        runs, count = joined_runs(a, b, out)
        bits: dict[str, Param] = {"a_bits": a.dtype.bits, "b_bits": b.dtype.bits, "out_bits": out.dtype.bits}
        word = self.name.lower()
        return KernelCall(
            word,
            f"{word}_packed",
            params={"runs": runs, "count": count, **bits, **self.arithmetic(node, graph, False)},
            inputs=node.inputs,
            outputs=node.outputs,
            inplace=tuple((i, 0) for i, t in enumerate((a, b)) if t.dtype.bits >= out.dtype.bits),
        )

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        kind = draw.choice(self.types)
        a_shape, b_shape = case_shapes(draw)
        role = draw.choice(("maps", "maps", "constant second", "constant first", "same"))
        quants = self.case_quants(case, kind)
        if role == "same":
            a = b = case.input(a_shape, kind, quants[0])
            quants = (quants[0], quants[0], quants[2])
        else:
            a = self._operand(case, a_shape, kind, quants[0], constant=role == "constant first")
            b = self._operand(case, b_shape, kind, quants[1], constant=role == "constant second")
        attrs = self.case_attrs(draw)
        return case.graph(self, [a, b], attrs, [(kind, quants[2])])

    def _operand(
        self, case: _cases.Case, shape: Shape, kind: str, quant: Quantization | None, *, constant: bool
    ) -> int:
        if not constant:
            return case.input(shape, kind, quant)
        if kind == "float32":
            return case.constant(case.draw.array(shape, -512, 512).astype(np.float32) / np.float32(64))
        low, high = (-32768, 32767) if kind == "int16" else (-128, 127)
        return case.constant(case.draw.array(shape, low, high).astype(kind), quant)

    def case_attrs(self, draw: Draw) -> Attrs:
        """Random options."""
        return Attrs()

    def case_quants(
        self, case: _cases.Case, kind: str
    ) -> tuple[Quantization | None, Quantization | None, Quantization | None]:
        """Quantization of both operands and of the output of a random case."""
        if kind not in ("int8", "int16"):
            return None, None, None
        first, second, out = (case_quant(case, case.scale(), kind) for _ in range(3))
        return first, second, out


def case_quant(case: _cases.Case, scale: float, kind: str = "int8") -> Quantization:
    """Quantization with a float32 scale and, for int8, a random zero point."""
    zero_point = 0 if kind == "int16" else int(case.draw.choice((0, -128, 127, 5, -37)))
    return Quantization((float(np.float32(scale)),), (zero_point,))


def case_shapes(draw: Draw) -> tuple[Shape, Shape]:
    """Two shapes that broadcast: equal, or with axes of one or of both operands left out or set to 1."""
    full = tuple(draw.integer(1, _AXIS_LIMIT) for _ in range(draw.integer(1, 4)))
    if draw.integer(0, 2) == 0:
        return full, full
    a = tuple(1 if draw.integer(0, 3) == 0 else n for n in full)
    b = tuple(1 if draw.integer(0, 1) == 0 else n for n in full)
    b = b[draw.integer(0, len(b) - 1) :]
    return (a, b) if draw.choice((True, False)) else (b, a)


class FusedOperator(ElementwiseOperator):
    """An element-wise operator with a fused activation and an options class of its own."""

    attrs = FusedAttrs

    def parse(self, options: Any) -> FusedAttrs:
        return (
            FusedAttrs() if options is None else FusedAttrs(activation_name(options.fusedActivationFunction))
        )

    def case_attrs(self, draw: Draw) -> Attrs:
        return self.attrs(draw.choice(ACTIVATIONS))


def activation_of(node: Node) -> str:
    assert isinstance(node.attrs, FusedAttrs)
    return node.attrs.activation


def clamp_real(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """Clamp that keeps NaN and the sign of zero, as the C kernels do."""
    low32, high32 = np.float32(low), np.float32(high)
    return np.where(x < low32, low32, np.where(x > high32, high32, x))


def int32_limits(activation: str) -> tuple[int, int]:
    """Clamp limits of an unquantized int32 result."""
    low, high = float_limits(activation)
    return int(max(low, -(2.0**31))), int(min(high, 2.0**31 - 1))


def wrap32(x: Int64Array) -> Int64Array:
    """int64 values reduced to int32 as two's complement arithmetic does."""
    return (x + (1 << 31)) % (1 << 32) - (1 << 31)


def scale_of(tensor: Tensor) -> np.float32:
    """The scale as the file has it, for factors that TFLite forms in float32."""
    return np.float32(tensor.scale)
