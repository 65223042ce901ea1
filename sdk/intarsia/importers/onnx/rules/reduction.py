# SPDX-License-Identifier: Apache-2.0
"""Reductions over axes, and the places of extreme values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from intarsia import dtypes
from intarsia.importers.onnx.call import Call, Refused, Rule
from intarsia.importers.onnx.values import Map
from intarsia.ops._arg_extreme import ArgExtremeAttrs
from intarsia.ops._reduction import ReductionAttrs


def axes_of(call: Call, rank: int) -> tuple[int, ...]:
    """The reduced axes, from the attribute or the second input; all where none are given. Raises Refused."""
    stated = call.vector("axes", ()) or call.integers(1, "the axes") or ()
    if not stated and call.integer("noop_with_empty_axes", 0):
        return ()
    return tuple(sorted({call.axis(axis, rank) for axis in stated})) or tuple(range(rank))


def reduced(call: Call, source: Map, op: str, axes: tuple[int, ...], keep: bool) -> Map:
    """The map reduced over axes of ONNX; they stay with an extent of 1, or go."""
    builder = call.builder
    separated = builder.separated(source)
    physical = sorted(axis for a in axes for axis in separated.view[a])
    tensor = builder.emit(op, [separated.tensor, builder.ints(physical)], ReductionAttrs(keep_dims=keep))
    if keep:
        return Map(tensor, separated.view)
    left = [axis for axis in range(len(builder.shape(separated.tensor))) if axis not in physical]
    view = tuple((left.index(group[0]),) for a, group in enumerate(separated.view) if a not in axes)
    return Map(tensor, view)


def reduction(name: str, *steps: str) -> Rule:
    """Operators before the reduction, the reduction, operators behind it."""
    ops = [step for step in steps if step not in BEFORE and step not in BEHIND]

    def translate(call: Call) -> Map:
        source, builder = call.map(0), call.builder
        axes = axes_of(call, source.rank)
        for step in steps:
            if step in ops and axes:
                source = reduced(call, source, step, axes, bool(call.integer("keepdims", 1)))
            elif step not in ops:
                source = Map(builder.emit(step, [source.tensor]), source.view)
        return source

    return Rule(name, steps, translate, "constant axes")


BEFORE, BEHIND = ("ABS", "SQUARE", "EXP"), ("SQRT",)


def extreme(op: str) -> Callable[[Call], Map]:
    def translate(call: Call) -> Map:
        source, builder = call.map(0), call.builder
        if call.integer("select_last_index", 0):
            raise Refused("select_last_index", "use the first of equal values")
        axis, shape = call.axis(call.integer("axis", 0), source.rank), builder.logical(source)
        separated = builder.separated(source)
        place = builder.constant(np.array(separated.view[axis][0], np.int32))
        found = builder.emit(op, [separated.tensor, place], ArgExtremeAttrs(), dtype=dtypes.INT32)
        left = [a for a in range(source.rank) if a != axis]
        order = sorted(left, key=lambda a: separated.view[a])
        result = Map(found, tuple((order.index(a),) for a in left))
        if not call.integer("keepdims", 1):
            return result
        return builder.reshaped(result, [1 if a == axis else n for a, n in enumerate(shape)])

    return translate


RULES = (
    reduction("ReduceMean", "MEAN"),
    reduction("ReduceSum", "SUM"),
    reduction("ReduceMax", "REDUCE_MAX"),
    reduction("ReduceMin", "REDUCE_MIN"),
    reduction("ReduceL1", "ABS", "SUM"),
    reduction("ReduceL2", "SQUARE", "SUM", "SQRT"),
    reduction("ReduceSumSquare", "SQUARE", "SUM"),
    Rule("ArgMax", ("ARG_MAX", "RESHAPE"), extreme("ARG_MAX"), "gives int32"),
    Rule("ArgMin", ("ARG_MIN", "RESHAPE"), extreme("ARG_MIN"), "gives int32"),
)
