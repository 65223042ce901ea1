# SPDX-License-Identifier: Apache-2.0
"""Operators of two values that broadcast: maps that lie differently are laid alike first."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from intarsia.importers.onnx import weights
from intarsia.importers.onnx.builder import Builder, order_of, real_data
from intarsia.importers.onnx.call import Call, Result, Rule
from intarsia.importers.onnx.values import Known, Map, Value, View


def aligned(builder: Builder, first: Value, second: Value) -> tuple[int, int, View]:
    """Tensors of two operands that broadcast as they lie, and the view of the result."""
    if isinstance(first, Known) and isinstance(second, Known):
        first = builder.as_map(first)
    if isinstance(first, Known) and isinstance(second, Map):
        right, left, view = _with_constant(builder, second, first)
        return left, right, view
    if isinstance(second, Known) and isinstance(first, Map):
        return _with_constant(builder, first, second)
    assert isinstance(first, Map)
    assert isinstance(second, Map)
    return _maps(builder, first, second)


def _with_constant(builder: Builder, value: Map, constant: Known) -> tuple[int, int, View]:
    laid = builder.laid_like(constant.data, value)
    if laid is None:
        return _maps(builder, value, builder.as_map(constant))
    quant = constant.quant
    if quant is not None and not quant.per_channel:
        return value.tensor, weights.place(builder, Known(constant.name, _trimmed(laid), quant)), value.view
    real = real_data(Known(constant.name, constant.real() if quant is not None else constant.data))
    laid = builder.laid_like(real, value)
    assert laid is not None
    return value.tensor, builder.constant(_trimmed(laid), name=constant.name), value.view


def _trimmed(data: np.ndarray) -> np.ndarray:
    """Without axes of 1 in front; one axis stays."""
    while data.ndim > 1 and data.shape[0] == 1:
        data = data[0]
    return data


def _maps(builder: Builder, first: Map, second: Map) -> tuple[int, int, View]:
    if first.view == second.view and builder.shape(first.tensor) == builder.shape(second.tensor):
        return first.tensor, second.tensor, first.view
    rank = max(first.rank, second.rank)
    first, second = (Map(m.tensor, ((),) * (rank - m.rank) + m.view) for m in (first, second))
    leader = max((first, second), key=lambda m: builder.tensors[m.tensor].elements)
    order = order_of(leader.view, builder.shape(leader.tensor))
    left, right = builder.ordered(first, order), builder.ordered(second, order)
    return left.tensor, right.tensor, left.view


def binary(name: str, op: str) -> Rule:
    """An operator that a Graph has as well."""

    def translate(call: Call) -> Map:
        left, right, view = aligned(call.builder, call.value(0), call.value(1))
        return Map(call.builder.emit(op, [left, right]), view)

    return Rule(name, (op,), translate)


def folded(name: str, op: str) -> Rule:
    """One of any number of operands, taken two at a time."""

    def translate(call: Call) -> Result:
        result = call.value(0)
        for position in range(1, len(call.operands)):
            left, right, view = aligned(call.builder, result, call.value(position))
            result = Map(call.builder.emit(op, [left, right]), view)
        return result

    return Rule(name, (op,), translate)


def divide(call: Call) -> Map:
    """By constants: a product with their reciprocals."""
    divisor = call.value(1)
    if isinstance(divisor, Known) and np.all(divisor.real() != 0):
        inverse = Known(divisor.name, 1.0 / divisor.real())
        left, right, view = aligned(call.builder, call.map(0), inverse)
        return Map(call.builder.emit("MUL", [left, right]), view)
    left, right, view = aligned(call.builder, call.value(0), divisor)
    return Map(call.builder.emit("DIV", [left, right]), view)


def total(divided: bool) -> Callable[[Call], Result]:
    """Sum and Mean of several operands."""

    def translate(call: Call) -> Result:
        result = call.value(0)
        for position in range(1, len(call.operands)):
            left, right, view = aligned(call.builder, result, call.value(position))
            result = Map(call.builder.emit("ADD", [left, right]), view)
        if not divided or len(call.operands) == 1:
            return result
        left, right, view = aligned(call.builder, result, Known("", np.array(1.0 / len(call.operands))))
        return Map(call.builder.emit("MUL", [left, right]), view)

    return translate


RULES = (
    binary("Add", "ADD"),
    binary("Sub", "SUB"),
    binary("Mul", "MUL"),
    Rule("Div", ("MUL", "DIV"), divide, "by a constant: a product with its reciprocal"),
    folded("Max", "MAXIMUM"),
    folded("Min", "MINIMUM"),
    Rule("Sum", ("ADD",), total(divided=False)),
    Rule("Mean", ("ADD", "MUL"), total(divided=True)),
)
