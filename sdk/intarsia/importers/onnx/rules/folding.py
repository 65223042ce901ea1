# SPDX-License-Identifier: Apache-2.0
"""Operators between constants, computed while the model is read: arithmetic on shapes, constants put together."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from intarsia.importers.onnx.call import Call, Refused, Rule
from intarsia.importers.onnx.values import Known, Value

FOLDED = frozenset(
    (
        "Abs",
        "Add",
        "And",
        "Cast",
        "Ceil",
        "Clip",
        "Concat",
        "CumSum",
        "Div",
        "Equal",
        "Expand",
        "Floor",
        "Gather",
        "GatherElements",
        "GatherND",
        "Greater",
        "GreaterOrEqual",
        "Less",
        "LessOrEqual",
        "Max",
        "Min",
        "Mod",
        "Mul",
        "Neg",
        "Not",
        "Or",
        "Pow",
        "Range",
        "Reciprocal",
        "ReduceMax",
        "ReduceMin",
        "ReduceProd",
        "ReduceSum",
        "Round",
        "Sign",
        "Slice",
        "Split",
        "Sqrt",
        "Sub",
        "Tile",
        "Transpose",
        "Trilu",
        "Where",
        "Xor",
    )
)
"""Operators that are computed where all their operands are constant; what only changes shapes has rules of its own."""
MAX_ELEMENTS = 1 << 22
"""Elements of the largest constant that is made."""


def folds(node: Any) -> bool:
    """Whether an operator is supported between constants."""
    return node.domain in ("", "ai.onnx") and node.op_type in FOLDED


def applies(call: Call) -> bool:
    """Whether a node is to be computed now: all its operands are constants of plain values."""
    known = [operand for operand in call.operands if operand is not None]
    return folds(call.node) and all(isinstance(o, Known) and o.quant is None for o in known)


def fold(call: Call) -> list[Value]:
    """The results, by ONNX's own reference. Raises Refused."""
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    operands = {}
    for name, operand in zip(call.node.input, call.operands, strict=True):
        if isinstance(operand, Known):
            operands[name] = operand.data
    _bound(call)
    graph = helper.make_graph(
        [call.node], "node", [_free(name) for name in operands], [_free(n) for n in call.node.output]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", call.opset)])
    try:
        with np.errstate(all="ignore"):
            results = ReferenceEvaluator(model).run(None, operands)
    except Exception as error:
        raise Refused(f"its constant operands do not fit: {error}") from None
    if any(np.asarray(data).dtype.kind not in "fiub" for data in results):
        raise Refused("constants that are no numbers")
    return [Known(name, np.asarray(data)) for name, data in zip(call.node.output, results, strict=True)]


def _free(name: str) -> Any:
    from onnx import ValueInfoProto

    return ValueInfoProto(name=name)


def _bound(call: Call) -> None:
    """Refuses, before it is made, what would be larger than any constant of a network. Raises Refused."""
    shapes = [operand.shape for operand in call.operands if isinstance(operand, Known)]
    size = max((math.prod(shape) for shape in shapes), default=0)
    kind = call.node.op_type
    if kind in ("Expand", "Tile") and len(shapes) == 2:
        wanted = call.integers(1, "the shape") or ()
        size *= math.prod(max(abs(n), 1) for n in wanted)
    elif kind == "Range" and len(shapes) == 3:
        start, limit, step = (float(call.known(i, "the range").data.reshape(-1)[0]) for i in range(3))
        size = math.ceil(abs((limit - start) / step)) if step else MAX_ELEMENTS + 1
    elif kind in ("Gather", "GatherElements", "GatherND") and len(shapes) == 2:
        size *= max(math.prod(shapes[1]), 1)
    elif len(shapes) > 1 and kind != "Concat":
        rank = max(map(len, shapes))
        padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
        size = math.prod(max(extents) for extents in zip(*padded, strict=True))
    if size > MAX_ELEMENTS:
        raise Refused(f"a constant of {size} elements")


def constant(call: Call) -> Known:
    from intarsia.importers.onnx import payload

    name = call.node.output[0]
    if call.has("value"):
        return Known(name, payload.array(call.tensor("value"), None))
    for attribute, kind in (
        ("value_float", np.float32),
        ("value_floats", np.float32),
        ("value_int", np.int64),
        ("value_ints", np.int64),
    ):
        if call.has(attribute):
            return Known(name, np.array(call.numbers(attribute), kind))
    raise Refused("a constant that is no tensor of numbers")


def filled(call: Call) -> Known:
    from intarsia.importers.onnx import payload

    shape = call.integers(0, "the shape") or ()
    if any(n < 0 for n in shape) or math.prod(shape) > MAX_ELEMENTS:
        raise Refused(f"a constant of {list(shape)}")
    value = payload.array(call.tensor("value"), None) if call.has("value") else np.zeros(1, np.float32)
    return Known(call.node.output[0], np.full(shape, value.reshape(-1)[0], value.dtype))


RULES = (Rule("Constant", (), constant), Rule("ConstantOfShape", (), filled))
