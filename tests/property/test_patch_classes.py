# SPDX-License-Identifier: Apache-2.0
"""Two classes of patches, fixed or decided by the device: firmware, plan and reference agree."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from intarsia import modelfile, simulate, stitching
from intarsia.ir import Graph
from intarsia.plan.plan import Plan
from support import harness
from support.classed import drawn
from support.draw import sample

COUNT = 32


@pytest.fixture(scope="module")
def cases() -> list[tuple[Graph, Plan]]:
    return drawn(COUNT)


def inputs(graph: Graph, seed: int, count: int = 3) -> list[list[np.ndarray]]:
    random = np.random.default_rng(seed)
    return [[sample(graph.tensor(i), random) for i in graph.inputs] for _ in range(count)]


def check(cases: Sequence[tuple[Graph, Plan]], folder: Path) -> None:
    """Portable C under sanitizers, the arena full of either rubbish before each run."""
    graphs, plans = zip(*cases, strict=True)
    samples = [inputs(graph, seed) for seed, graph in enumerate(graphs)]
    outcomes = harness.run_cases(graphs, samples, folder, plans=plans)
    for (graph, plan), xs, outcome in zip(cases, samples, outcomes, strict=True):
        assert outcome.program.arena_bytes == plan.memory.arena
        for x, got in zip(xs, outcome.outputs, strict=True):
            for mine, wanted in zip(got, simulate.run(graph, x), strict=True):
                assert mine.tobytes() == wanted.tobytes(), plan.to_json()


def test_firmware_gives_the_bytes_of_the_reference(cases: list[tuple[Graph, Plan]], tmp_path: Path) -> None:
    check(cases, tmp_path)


def test_cases_reach_all_forms(cases: list[tuple[Graph, Plan]]) -> None:
    found = {(plan.input, plan.outliers and plan.outliers.form) for _, plan in cases}
    assert found == {(mode, form) for mode in ("arena", "reader") for form in ("static", "dynamic")}
    widths = {entry.bits for _, plan in cases for entry in plan.maps}
    assert widths == {8, 4, 2}
    differing = 0
    for graph, _ in cases:
        assert graph.classes is not None
        for place, x in enumerate(inputs(graph, 99)):
            members = stitching.members_of(graph, [value[None] for value in x])
            differing += tuple(members[0]) != graph.classes.members and place > 0
    assert differing


def test_model_files_keep_classes(cases: list[tuple[Graph, Plan]], tmp_path: Path) -> None:
    for graph, _ in cases[:12]:
        modelfile.save(graph, tmp_path / "model.itr")
        again = modelfile.load(tmp_path / "model.itr")
        assert modelfile.to_bytes(again) == modelfile.to_bytes(graph)
        for x in inputs(graph, 7):
            for mine, theirs in zip(simulate.run(again, x), simulate.run(graph, x), strict=True):
                assert mine.tobytes() == theirs.tobytes()
