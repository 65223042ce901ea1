# SPDX-License-Identifier: Apache-2.0
"""BATCH_MATMUL: matrices along the last two axes, either one transposed first; int8, int16 and float32.

Leading axes broadcast. One operand may be constant.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from intarsia.dtypes import INT16
from intarsia.fixedpoint import Requantization, reduced_multiplier, requantization, scale_wide
from intarsia.ir import Attrs, Graph, Node, Quantization, Tensor
from intarsia.kernelcall import Constant, KernelCall, Param, Step
from intarsia.ops import _cases
from intarsia.ops._common import schema
from intarsia.ops._convolution import scale_reason
from intarsia.ops._elementwise import Broadcast, broadcast_shape, case_quant, scale_of
from intarsia.ops._wide import LARGEST, LARGEST_SHIFT
from intarsia.ops.base import Draw, Operator, Shape, Values

TYPES = ("int8", "float32", "int16")
_DEEPEST = (1 << 31) // (255 * 255)
"""Products of two differences of int8 codes that int32 adds up."""


@dataclass(frozen=True)
class BatchMatMulAttrs(Attrs):
    """`adjoint_a`, `adjoint_b`: the operand's matrices are transposed first."""

    adjoint_a: bool = False
    adjoint_b: bool = False


@dataclass(frozen=True)
class Operand:
    """Shape of an operand's matrices as they are multiplied, and strides along both of their axes."""

    batch: Shape
    rows: int
    columns: int
    row: int
    column: int

    @staticmethod
    def of(tensor: Tensor, adjoint: bool) -> Operand:
        """Raises ValueError when there are fewer than two axes."""
        if len(tensor.shape) < 2:
            raise ValueError(f"'{tensor.name}' of shape {list(tensor.shape)} holds no matrices")
        *batch, rows, columns = tensor.shape
        if adjoint:
            return Operand(tuple(batch), columns, rows, 1, columns)
        return Operand(tuple(batch), rows, columns, columns, 1)


class BatchMatMul(Operator):
    name = "BATCH_MATMUL"
    attrs = BatchMatMulAttrs

    def parse(self, options: Any) -> BatchMatMulAttrs:
        return BatchMatMulAttrs(bool(options.adjX), bool(options.adjY))

    def options(self, attrs: Attrs) -> Any:
        assert isinstance(attrs, BatchMatMulAttrs)
        options = schema().BatchMatMulOptionsT()
        options.adjX, options.adjY = attrs.adjoint_a, attrs.adjoint_b
        return options

    def operands(self, node: Node, graph: Graph) -> tuple[Operand, Operand]:
        """Raises ValueError when the matrices do not fit together."""
        assert isinstance(node.attrs, BatchMatMulAttrs)
        a = Operand.of(graph.required(node, 0), node.attrs.adjoint_a)
        b = Operand.of(graph.required(node, 1), node.attrs.adjoint_b)
        if a.columns != b.rows:
            raise ValueError(f"matrices of {a.rows} x {a.columns} and {b.rows} x {b.columns}")
        return a, b

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        a, b, out = graph.required(node, 0), graph.required(node, 1), graph.output(node)
        if a.dtype.name not in TYPES or not a.dtype == b.dtype == out.dtype:
            return f"{a.dtype.name} with {b.dtype.name} giving {out.dtype.name}"
        if a.is_constant and b.is_constant:
            return "both operands are constant"
        left, right = self.operands(node, graph)
        Broadcast.of((*left.batch, 1), (*right.batch, 1))
        if a.dtype.is_float:
            return None
        if reason := scale_reason(a, b, out):
            return reason
        if a.dtype == INT16:
            return self._wide_reason(node, graph)
        if left.columns > _DEEPEST:
            return f"sums of {left.columns} products; up to {_DEEPEST} are supported"
        headroom = (1 << 31) // (255 * 255 * left.columns)
        if 1 << max(self.requant(node, graph).shift[0], 0) > headroom:
            return "the output scale is too small for the scales of the operands"
        return None

    def _wide_reason(self, node: Node, graph: Graph) -> str | None:
        """Why int16 matrices cannot be multiplied, or None."""
        if any(t.zero_point for t in (graph.required(node, 0), graph.required(node, 1), graph.output(node))):
            return "int16 tensors must have a zero point of 0"
        if self.operands(node, graph)[0].columns << 30 >= LARGEST:
            return f"sums of {self.operands(node, graph)[0].columns} products"
        if self.requant(node, graph).shift[0] > LARGEST_SHIFT:
            return "the output scale is too small for the scales of the operands"
        return None

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        a, b = self.operands(node, graph)
        return [(*broadcast_shape(a.batch, b.batch), a.rows, b.columns)]

    def requant(self, node: Node, graph: Graph) -> Requantization:
        a, b, out = graph.required(node, 0), graph.required(node, 1), graph.output(node)
        factor = float(scale_of(a) * scale_of(b)) / out.scale
        return requantization([factor], out.zero_point, out.dtype.range)

    def reference(self, node: Node, graph: Graph, values: Values) -> list[np.ndarray]:
        assert isinstance(node.attrs, BatchMatMulAttrs)
        a, b = values[0], values[1]
        assert a is not None
        assert b is not None
        a = a.swapaxes(-1, -2) if node.attrs.adjoint_a else a
        b = b.swapaxes(-1, -2) if node.attrs.adjoint_b else b
        if a.dtype == np.float32:
            total = np.zeros(self.infer(node, graph)[0], np.float32)
            for k in range(a.shape[-1]):
                total += a[..., :, k, None] * b[..., None, k, :]
            return [total]
        left = a.astype(np.int64) - graph.required(node, 0).zero_point
        right = b.astype(np.int64) - graph.required(node, 1).zero_point
        requant = self.requant(node, graph)
        if a.dtype == np.int16:
            codes = scale_wide(left @ right, reduced_multiplier(requant.multiplier[0]), requant.shift[0])
            return [np.clip(codes, *INT16.range).astype(np.int16)]
        return [requant.apply(left @ right).astype(np.int8)]

    def macs(self, node: Node, graph: Graph) -> int:
        return math.prod(self.infer(node, graph)[0]) * self.operands(node, graph)[0].columns

    def lower(self, node: Node, graph: Graph) -> list[Step]:
        """The kernel's second operand is the constant one, if any; then the product is made transposed."""
        a, b = self.operands(node, graph)
        swapped = graph.required(node, 0).is_constant
        first, second = (1, 0) if swapped else (0, 1)
        walk = Broadcast.of((*a.batch, 1), (*b.batch, 1))
        steps = (walk.a_stride, walk.b_stride)
        sizes = (a.rows * a.columns, b.rows * b.columns)
        left = (a.rows, a.row, a.column) if not swapped else (b.columns, b.column, b.row)
        right = (b.columns, b.column, b.row) if not swapped else (a.rows, a.row, a.column)
        params: dict[str, Param] = {
            "batch": walk.shape,
            "a_batch": tuple(s * sizes[first] for s in steps[first]),
            "b_batch": tuple(s * sizes[second] for s in steps[second]),
            "rows": left[0],
            "columns": right[0],
            "depth": a.columns,
            "a_row": left[1],
            "a_depth": left[2],
            "b_column": right[1],
            "b_depth": right[2],
            "out_row": 1 if swapped else b.columns,
            "out_column": b.columns if swapped else 1,
        }
        one, two = graph.required(node, first), graph.required(node, second)
        if one.dtype.is_integer:
            requant = self.requant(node, graph)
            params |= {"multiplier": requant.multiplier[0], "shift": requant.shift[0]}
            if one.dtype == INT16:
                params["multiplier"] = reduced_multiplier(requant.multiplier[0])
            else:
                params |= {"a_zero": one.zero_point, "b_zero": two.zero_point, "out_zero": requant.zero_point}
        inputs = (node.inputs[first],) if two.is_constant else node.inputs[:2]
        constants = () if two.data is None else (Constant("b", two.data),)
        contract = f"batch_matmul_{one.dtype.code}"
        macs = self.macs(node, graph)
        return [KernelCall("batch_matmul", contract, params, inputs, node.outputs, constants, macs=macs)]

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        attrs = BatchMatMulAttrs(draw.choice((False, True)), draw.choice((False, True)))
        rows, depth, columns = draw.integer(1, 6), draw.integer(1, 9), draw.integer(1, 6)
        batch_a, batch_b = draw.choice(
            (((), ()), ((3,), (3,)), ((2, 3), (2, 3)), ((2, 3), (1, 3)), ((1,), (4,)))
        )
        a_shape = (*batch_a, depth, rows) if attrs.adjoint_a else (*batch_a, rows, depth)
        b_shape = (*batch_b, columns, depth) if attrs.adjoint_b else (*batch_b, depth, columns)
        kind = draw.choice(TYPES)
        role = draw.choice(("maps", "maps", "constant second", "constant first"))
        quants: list[Quantization | None] = [None, None, None]
        if kind == "int8":
            scales = case.scale(), case.scale()
            out = scales[0] * scales[1] * math.sqrt(depth) * 2.0 ** draw.integer(3, 7)
            quants = [case_quant(case, s) for s in (*scales, out)]
        if kind == "int16":
            scales = case.scale(-14, -8), case.scale(-14, -8)
            out = scales[0] * scales[1] * depth * 2.0 ** draw.integer(2, 16)
            quants = [case_quant(case, s, kind) for s in (*scales, out)]
        a, b = (
            case.constant(draw.array(shape, -128, 127).astype(kind), quant)
            if role == constant
            else case.input(shape, kind, quant)
            for shape, quant, constant in (
                (a_shape, quants[0], "constant first"),
                (b_shape, quants[1], "constant second"),
            )
        )
        return case.graph(self, [a, b], attrs, [(kind, quants[2])])


OPERATOR = BatchMatMul()
