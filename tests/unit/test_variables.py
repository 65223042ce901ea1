# SPDX-License-Identifier: Apache-2.0
"""Variables of a model become states: what is read first, what is left last, where it starts; and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from intarsia import check, modelfile, oracle, simulate
from intarsia.errors import ModelError
from intarsia.importers import tflite as importer
from intarsia.ir import Graph
from intarsia.ops._common import schema
from intarsia.passes import canonicalise
from support import harness
from support.agree import assert_agree
from support.variables import MODELS, SHAPE, START, Model, accumulator, delay


def loaded(content: bytes) -> Graph:
    graph = canonicalise(importer.parse(content, name="variables"))
    check.check(graph)
    return graph


def samples(count: int = 4) -> list[list[np.ndarray]]:
    random = np.random.default_rng(0)
    return [[random.integers(-20, 20, SHAPE).astype(np.int8)] for _ in range(count)]


@pytest.mark.tflm_oracle
@pytest.mark.parametrize("name", list(MODELS))
def test_equal_to_the_interpreter(name: str) -> None:
    content = MODELS[name][0]()
    answers = oracle.interpret(content, samples(), "tflm")
    for got, want in zip(simulate.run_sequence(loaded(content), samples()), answers, strict=True):
        assert np.array_equal(got[0], want[0])


def test_in_c(tmp_path: Path) -> None:
    """States outlive inferences; `init`, called before each of two rounds, starts them again."""
    graphs = [loaded(make()) for make, _ in MODELS.values()]
    assert [len(graph.states) for graph in graphs] == [count for _, count in MODELS.values()]
    outcomes = harness.run_cases(graphs, [samples()] * len(graphs), tmp_path)
    for name, graph, outcome in zip(MODELS, graphs, outcomes, strict=True):
        for got, want in zip(outcome.outputs, simulate.run_sequence(graph, samples()), strict=True):
            assert_agree(graph, got, want, name)


def test_values() -> None:
    (first,), (second,) = (s for s in samples(2))
    outputs = simulate.run_sequence(loaded(accumulator()), samples(2))
    assert np.array_equal(outputs[0][0], START + first)
    assert np.array_equal(outputs[1][0], START + first + second)
    delayed = simulate.run_sequence(loaded(delay()), samples(2))
    assert np.array_equal(delayed[0][0], START)
    assert np.array_equal(delayed[1][0], first)
    assert np.array_equal(simulate.run(loaded(accumulator(None)), [first])[0], first)


def test_a_model_file_keeps_them(tmp_path: Path) -> None:
    graph = loaded(accumulator())
    modelfile.save(graph, tmp_path / "m.itr")
    again = modelfile.load(tmp_path / "m.itr")
    assert modelfile.digest(again) == modelfile.digest(graph)
    assert np.array_equal(again.states[0].initial, START)


def _wrong_subgraph() -> bytes:
    model = Model()
    model.initialiser(7)
    x = model.main.tensor("x")
    return model.finish([x], [model.main.add(x, x)])


def _initialiser_of_itself() -> bytes:
    model = Model()
    model.initialiser(0)
    x = model.main.tensor("x")
    return model.finish([x], [model.main.add(x, x)])


def _no_handle() -> bytes:
    model = Model()
    x = model.main.tensor("x")
    return model.finish([x], [model.main.add(model.main.read(x), x)])


def _other_shape() -> bytes:
    model = Model()
    main = model.main
    x, handle = main.tensor("x", shape=(1, 2)), main.handle()
    y = main.add(main.read(handle, (1, 2)), x, (1, 2))
    main.assign(handle, y)
    first = model.initialiser()
    first.assign(first.handle(), first.tensor("start", START))
    main.graph.operators.insert(0, main.graph.operators.pop())
    return model.finish([x], [y])


def _assigned_otherwise() -> bytes:
    model = Model()
    main = model.main
    x, handle = main.tensor("x", shape=(1, 2)), main.handle()
    wide = main.read(handle)
    main.assign(handle, main.add(x, x, (1, 2)))
    return model.finish([x], [main.add(wide, wide)])


def _runtime_start() -> bytes:
    model = Model()
    first = model.initialiser()
    first.assign(first.handle(), first.tensor("nothing"))
    x = model.main.tensor("x")
    return model.finish([x], [model.main.add(model.main.read(model.main.handle()), x)])


def _lacks_operand() -> bytes:
    model = Model()
    x, handle = model.main.tensor("x"), model.main.handle()
    model.main.node("ASSIGN_VARIABLE", [handle], [], schema().AssignVariableOptionsT())
    return model.finish([x], [model.main.add(x, x)])


def _without_options() -> bytes:
    model = Model()
    x = model.main.tensor("x")
    model.main.node("VAR_HANDLE", [], [model.main.resource()])
    return model.finish([x], [model.main.add(x, x)])


def _handle_in_a_sum() -> bytes:
    model = Model()
    x = model.main.tensor("x")
    return model.finish([x], [model.main.add(x, model.main.handle())])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_wrong_subgraph, "CALL_ONCE names subgraph 7"),
        (_initialiser_of_itself, "CALL_ONCE names subgraph 0"),
        (_no_handle, "READ_VARIABLE 'read' has no VAR_HANDLE"),
        (_other_shape, r"variable 'v' starts as int8\[1, 4\]"),
        (_assigned_otherwise, r"state 'v' becomes int8\[1, 2\]"),
        (_runtime_start, "subgraph that gives variables their initial values"),
        (_lacks_operand, "ASSIGN_VARIABLE"),
        (_without_options, "VAR_HANDLE .* has no options"),
        (_handle_in_a_sum, "handle"),
    ],
)
def test_what_is_refused(make: Callable[[], bytes], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        loaded(make())
