# SPDX-License-Identifier: Apache-2.0
"""Gemm and MatMul: with constant weights fully connected layers, else products of matrices."""

from __future__ import annotations

import math

import numpy as np

from intarsia.importers.onnx import weights
from intarsia.importers.onnx.builder import Builder
from intarsia.importers.onnx.call import Call, Refused, Rule
from intarsia.importers.onnx.values import Known, Map, plain_view
from intarsia.ops.batch_matmul import BatchMatMulAttrs
from intarsia.ops.fully_connected import FullyConnectedAttrs


def _rows(builder: Builder, source: Map) -> tuple[int, np.ndarray]:
    """A tensor [..., K] whose K lies as it lies already, and for each of its columns the column of ONNX."""
    physical = builder.shape(source.tensor)
    last = [axis for axis in source.view[-1] if physical[axis] != 1]
    ascending = sorted(last)
    tensor = builder.arrange(source, [*source.view[:-1], tuple(ascending)])
    index = np.arange(math.prod(physical[axis] for axis in last)).reshape([physical[axis] for axis in last])
    return tensor, index.transpose([last.index(axis) for axis in ascending]).reshape(-1)


def _connected(builder: Builder, source: Map, kernel: Known, bias: Known | None) -> Map:
    """A fully connected layer; `kernel` is [units, K] in the order of ONNX."""
    if kernel.data.ndim != 2 or kernel.shape[1] != builder.logical(source)[-1]:
        raise Refused(f"weights {list(kernel.shape)} for a feature map {list(builder.logical(source))}")
    tensor, columns = _rows(builder, source)
    inputs = [tensor, weights.place(builder, weights.taken(kernel, columns, 1))]
    if bias is not None:
        inputs.append(weights.place(builder, bias))
    result = builder.emit("FULLY_CONNECTED", inputs, FullyConnectedAttrs(keep_dims=source.rank != 2))
    return Map(result, plain_view(source.rank))


def gemm(call: Call) -> Map:
    source, kernel = call.map(0), call.value(1)
    if source.rank != 2:
        raise Refused(f"an operand of {source.rank} dimensions")
    if call.integer("transA", 0):
        source = Map(source.tensor, source.view[::-1])
    alpha, beta = call.number("alpha", 1.0), call.number("beta", 1.0)
    flipped = bool(call.integer("transB", 0))
    if isinstance(kernel, Map):
        if alpha != 1.0 or call.operand(2) is not None:
            raise Refused(
                "weights that are not constant together with alpha or a bias", "use a matrix product"
            )
        other = Map(kernel.tensor, kernel.view[::-1]) if flipped else kernel
        return _product(call.builder, source, other)
    kernel = kernel if flipped else weights.transposed(kernel, (1, 0))
    bias = call.known(2, "the bias") if call.operand(2) is not None and beta else None
    units = kernel.shape[0]
    if alpha != 1.0:
        kernel = _scaled(kernel, alpha)
    if bias is not None:
        bias = _bias(bias, units, beta)
    return _connected(call.builder, source, kernel, bias)


def _bias(bias: Known, units: int, beta: float) -> Known:
    """One value for each unit. Raises Refused."""
    if bias.data.size == units:
        bias = weights.shaped(bias, (units,), 0)
    elif bias.data.size == 1:
        bias = Known(bias.name, np.full(units, bias.real().reshape(-1)[0]))
    else:
        raise Refused(f"a bias of {list(bias.shape)}")
    return bias if beta == 1.0 else _scaled(bias, beta)


def _scaled(known: Known, factor: float) -> Known:
    return Known(known.name, known.real() * factor)


def matmul(call: Call) -> Map:
    builder, first, second = call.builder, call.value(0), call.value(1)
    if isinstance(first, Map) and isinstance(second, Known) and second.data.ndim == 2:
        return _connected(builder, first, weights.transposed(second, (1, 0)), None)
    return _product(builder, call.map(0), call.map(1))


def _product(builder: Builder, first: Map, second: Map) -> Map:
    """A product of matrices; operands whose last two axes only look exchanged are multiplied as they lie."""
    if min(first.rank, second.rank) < 2:
        raise Refused("an operand of less than two dimensions", "add a dimension to the vector")
    (a, flip_a), (b, flip_b) = _matrices(builder, first), _matrices(builder, second)
    result = builder.emit("BATCH_MATMUL", [a, b], BatchMatMulAttrs(flip_a, flip_b))
    return Map(result, plain_view(len(builder.shape(result))))


def _matrices(builder: Builder, value: Map) -> tuple[int, bool]:
    """A tensor [..., M, K], or (with True) [..., K, M] where that is how the matrices lie."""
    physical = builder.shape(value.tensor)
    rows, columns = ([a for a in group if physical[a] != 1] for group in value.view[-2:])
    if rows and columns and max(columns) < min(rows):
        return builder.arrange(value, [*value.view[:-2], value.view[-1], value.view[-2]]), True
    return builder.plain(value), False


RULES = (
    Rule("Gemm", ("FULLY_CONNECTED", "BATCH_MATMUL"), gemm),
    Rule(
        "MatMul", ("FULLY_CONNECTED", "BATCH_MATMUL"), matmul, "constant matrices on the right become weights"
    ),
)
