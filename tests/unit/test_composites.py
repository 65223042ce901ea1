# SPDX-License-Identifier: Apache-2.0
"""STABLEHLO_COMPOSITE: its decomposition is what runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fuzzing import schematree
from intarsia import oracle, simulate
from intarsia.errors import ModelError
from intarsia.importers import tflite
from intarsia.models import canonical
from support.composites import composite, decomposed, tree

X = np.array([[1.0, -2.0, 0.5, 7.0]], np.float32)


@pytest.mark.parametrize("levels", [1, 2, 4])
def test_it_is_its_decomposition(levels: int) -> None:
    graph = canonical(tflite.parse(composite(levels), name="composite"))
    plain = canonical(tflite.parse(decomposed().bytes, name="composite"))
    assert [node.op for node in graph.nodes] == ["ADD", "MUL"]
    assert np.array_equal(simulate.run(graph, [X])[0], simulate.run(plain, [X])[0])


def test_it_is_what_the_interpreter_computes() -> None:
    content = composite()
    (expected,) = oracle.interpret(content, [[X]], "litert")[0]
    assert np.array_equal(simulate.run(tflite.parse(content, name="composite"), [X])[0], expected)


def _options(model: Any) -> Any:
    return model.subgraphs[0].operators[0].builtinOptions2


def _itself(model: Any) -> None:
    model.subgraphs[1].operators, model.subgraphs[1].outputs = model.subgraphs[0].operators, [1]


def _nowhere(model: Any) -> None:
    _options(model).decompositionSubgraphIndex = 9


def _wrong_tensor(model: Any) -> None:
    model.subgraphs[1].operators[0].inputs = [0, 9999]


def _more_outputs(model: Any) -> None:
    model.subgraphs[1].outputs = [0, 1]


def _no_operators(model: Any) -> None:
    model.subgraphs[1].operators = []


def _passes_on(model: Any) -> None:
    model.subgraphs[1].outputs = list(model.subgraphs[1].inputs)


def _no_options(model: Any) -> None:
    model.subgraphs[0].operators[0].builtinOptions2 = None


def _doubling(model: Any) -> None:
    """Each of 20 levels calls the next one twice."""
    levels = tree(20).subgraphs
    for graph in levels[:-1]:
        graph.operators = graph.operators * 2
    model.subgraphs = levels


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_itself, "subgraph 1 contains itself"),
        (_nowhere, "names subgraph 9; the model has 2"),
        (_wrong_tensor, "subgraph 1 names tensor 9999"),
        (_more_outputs, "STABLEHLO_COMPOSITE"),
        (_no_operators, "STABLEHLO_COMPOSITE"),
        (_passes_on, "STABLEHLO_COMPOSITE"),
        (_no_options, "STABLEHLO_COMPOSITE"),
        (_doubling, "more than 8192"),
    ],
)
def test_what_cannot_be_put_in_place_is_refused(change: Callable[[Any], None], message: str) -> None:
    model = tree()
    change(model)
    with pytest.raises(ModelError, match=message):
        tflite.parse(schematree.packed(model), name="composite")
