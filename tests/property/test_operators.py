# SPDX-License-Identifier: Apache-2.0
"""Every operator, found by scanning: numpy reference = TFLite interpreters = portable C under sanitizers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from intarsia import ops, oracle, simulate
from intarsia.exporters import tflite as exporter
from intarsia.importers import tflite as importer
from intarsia.ir import Graph
from intarsia.passes import dead
from support import harness
from support.agree import assert_agree
from support.draw import graphs, sample

OPERATORS = sorted(ops.registry())
BATCH = 24

no_shrinking = settings(max_examples=4, phases=[Phase.explicit, Phase.generate])


def batches(operator: str) -> st.SearchStrategy[list[Graph]]:
    return st.lists(graphs(ops.registry()[operator]), min_size=BATCH, max_size=BATCH)


def samples_for(graph: Graph, seed: int, count: int = 2) -> list[list[np.ndarray]]:
    random = np.random.default_rng(seed)
    return [[sample(graph.tensor(i), random) for i in graph.inputs] for _ in range(count)]


@pytest.mark.parametrize("operator", OPERATORS)
def test_portable_c_equals_reference(operator: str, tmp_path: Path) -> None:
    """C built with AddressSanitizer and UBSan gives the reference's bytes, and reads nothing around its inputs: in
    every second program these are arrays of their own."""
    folders = iter(range(1000))

    @no_shrinking
    @given(batches(operator))
    def check(cases: list[Graph]) -> None:
        samples = [samples_for(graph, seed) for seed, graph in enumerate(cases)]
        number = next(folders)
        outcomes = harness.run_cases(cases, samples, tmp_path / str(number), apart=number % 2 == 1)
        for graph, inputs, outcome in zip(cases, samples, outcomes, strict=True):
            expected = simulate.run_sequence(graph, inputs)
            for want, got in zip(expected, outcome.outputs, strict=True):
                assert_agree(graph, got, want, "portable C")

    check()


@pytest.mark.parametrize("rule", ["litert", pytest.param("tflm", marks=pytest.mark.tflm_oracle)])
@pytest.mark.parametrize("operator", OPERATORS)
def test_reference_equals_interpreter(operator: str, rule: str) -> None:
    """The numpy reference equals the BUILTIN_REF kernels of the interpreter of each rule.

    Cases that are made for rule `litert` have no witness of rule `tflm`. Operators without a reference kernel are
    compared with the only kernel there is.
    """

    @settings(max_examples=60)
    @given(graphs(ops.registry()[operator]), st.integers(0, 2**32 - 1))
    def collect(graph: Graph, seed: int) -> None:
        if rule in ("litert", graph.rule):
            cases.append((graph.replace(rule=rule), seed))

    cases: list[tuple[Graph, int]] = []
    collect()
    samples = [samples_for(graph, seed) for graph, seed in cases]
    jobs = [(exporter.export(graph), inputs) for (graph, _), inputs in zip(cases, samples, strict=True)]
    has = ops.registry()[operator].reference_kernel
    kernels = oracle.REFERENCE_KERNELS if has else oracle.OTHER_KERNELS
    found = oracle.interpret_many(jobs, rule, kernels=kernels)
    refused = []
    for (graph, _), inputs, answers in zip(cases, samples, found, strict=True):
        if isinstance(answers, str):
            refused.append(answers)
            continue
        for got, want in zip(simulate.run_sequence(graph, inputs), answers, strict=True):
            assert_agree(graph, got, want, f"reference against {rule}")
    assert len(refused) < len(cases) / 2, f"the interpreter refuses most cases: {refused[0]}"


@pytest.mark.parametrize("operator", OPERATORS)
@settings(max_examples=25)
@given(data=st.data())
def test_export_and_import_are_inverse(operator: str, data: st.DataObject) -> None:
    graph = data.draw(graphs(ops.registry()[operator]))
    again = dead.compact(importer.parse(exporter.export(graph), name=graph.name, rule=graph.rule))
    graph = dead.compact(graph)
    assert [(s.before, s.after) for s in again.states] == [(s.before, s.after) for s in graph.states]
    assert [(n.op, n.inputs, n.outputs, n.attrs) for n in again.nodes] == [
        (n.op, n.inputs, n.outputs, n.attrs) for n in graph.nodes
    ]
    for a, b in zip(again.tensors, graph.tensors, strict=True):
        assert (a.name, a.shape, a.dtype, a.quant) == (b.name, b.shape, b.dtype, b.quant)
        assert (a.data is None) == (b.data is None)
        if a.data is not None and b.data is not None:
            assert np.array_equal(a.data, b.data)
