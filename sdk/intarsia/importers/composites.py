# SPDX-License-Identifier: Apache-2.0
"""STABLEHLO_COMPOSITE gives way to its decomposition: the subgraph that computes the same with operators of its own."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from intarsia.errors import ModelError
from intarsia.ops._common import schema

MAX_OPERATORS = 1 << 13
"""Most operators and tensors of a network whose composites have given way."""


@dataclass(frozen=True)
class _Placed:
    """An operator of the main subgraph, and the decompositions that it comes from."""

    operator: Any
    within: tuple[int, ...] = ()


def expand(model: Any) -> None:
    """Puts decompositions in the places of the main subgraph's composites, whose tensors it gets.

    A composite whose decomposition has no operator for each of its outputs stays. Raises ModelError for decompositions
    that contain themselves, or that are no subgraph.
    """
    main = model.subgraphs[0]
    codes = [max(int(c.builtinCode), int(c.deprecatedBuiltinCode)) for c in model.operatorCodes or []]
    waiting = [_Placed(operator) for operator in reversed(main.operators or [])]
    if not any(_is_composite(placed.operator, codes) for placed in waiting):
        return
    main.tensors, done = list(main.tensors or []), []
    while waiting:
        placed = waiting.pop()
        if not _is_composite(placed.operator, codes):
            done.append(placed.operator)
            continue
        parts = _parts(model, placed)
        if parts is None:
            done.append(placed.operator)
        else:
            waiting += reversed(parts)
        if max(len(done) + len(waiting), len(main.tensors)) > MAX_OPERATORS:
            raise ModelError(
                f"the composites of the model stand for more than {MAX_OPERATORS} operators or tensors",
                hint="convert the model again",
            )
    main.operators = done


def _is_composite(operator: Any, codes: list[int]) -> bool:
    index = int(operator.opcodeIndex)
    composite: int = schema().BuiltinOperator.STABLEHLO_COMPOSITE
    return 0 <= index < len(codes) and codes[index] == composite


def _parts(model: Any, placed: _Placed) -> list[_Placed] | None:
    """The operators that a composite stands for, on tensors of the main subgraph; None when it has to stay."""
    number = getattr(placed.operator.builtinOptions2, "decompositionSubgraphIndex", None)
    if number is None:
        return None
    if not 0 < number < len(model.subgraphs):
        raise ModelError(f"STABLEHLO_COMPOSITE names subgraph {number}; the model has {len(model.subgraphs)}")
    if number in placed.within:
        raise ModelError(
            f"the decomposition in subgraph {number} contains itself", hint="convert the model again"
        )
    source, main = model.subgraphs[number], model.subgraphs[0]
    written = {int(i) for operator in source.operators or [] for i in _list(operator.outputs)}
    outer, inner = _list(placed.operator.outputs), _list(source.outputs)
    inputs = _list(source.inputs)
    given = _list(placed.operator.inputs)
    if len(outer) != len(inner) or len(given) != len(inputs) or not written.issuperset(inner):
        return None
    if len(set(inner)) != len(inner) or written.intersection(inputs):
        return None
    numbers = dict(zip(inputs, given, strict=True)) | dict(zip(inner, outer, strict=True))
    for index, tensor in enumerate(source.tensors or []):
        if index not in numbers:
            numbers[index] = len(main.tensors)
            main.tensors.append(tensor)
    within = (*placed.within, int(number))
    return [_Placed(_moved(operator, numbers, int(number)), within) for operator in source.operators or []]


def _moved(operator: Any, numbers: dict[int, int], subgraph: int) -> Any:
    """The operator on other tensors."""
    moved = copy.copy(operator)
    for name in ("inputs", "outputs", "intermediates"):
        indices = _list(getattr(operator, name))
        if unknown := [i for i in indices if i not in numbers and i != -1]:
            raise ModelError(
                f"an operator of subgraph {subgraph} names tensor {unknown[0]}, which is not there"
            )
        setattr(moved, name, [numbers.get(i, -1) for i in indices])
    return moved


def _list(indices: Any) -> list[int]:
    return [] if indices is None else [int(i) for i in indices]
