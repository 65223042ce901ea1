# SPDX-License-Identifier: Apache-2.0
"""Patch by patch, every split and every grid gives the bytes of the network run layer by layer."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from intarsia import simulate
from intarsia.errors import UsageError
from intarsia.importers import tflite
from intarsia.ir import Graph
from intarsia.passes import canonicalise
from intarsia.plan import branches, patch
from intarsia.plan.head import INPUT_MODES, heads
from intarsia.plan.plan import Plan
from intarsia_codegen.lower import lower
from support import harness
from support.agree import assert_agree
from support.draw import HypothesisDraw, SeededDraw, sample
from support.networks import Network, network

BATCH = 16


@st.composite
def cut_networks(draw: DrawFn) -> tuple[Graph, Plan]:
    """A network with a random split, grid and input mode."""
    source = HypothesisDraw(draw)
    graph = network(source)
    head = source.choice(heads(graph))
    rows, columns = head.extents
    grid = (source.integer(1, min(rows, 5)), source.integer(1, min(columns, 5)))
    return graph, patch.plan_of(graph, head.split_after, grid, source.choice(INPUT_MODES))


def samples(graph: Graph, seed: int, count: int = 2) -> list[list[np.ndarray]]:
    random = np.random.default_rng(seed)
    return [[sample(graph.tensor(i), random) for i in graph.inputs] for _ in range(count)]


def same(a: Iterable[np.ndarray], b: Iterable[np.ndarray]) -> bool:
    return all(x.tobytes() == y.tobytes() for x, y in zip(a, b, strict=True))


@settings(max_examples=150)
@given(cut_networks(), st.integers(0, 2**32 - 1))
def test_branches_give_the_same_bytes(case: tuple[Graph, Plan], seed: int) -> None:
    graph, plan = case
    tiling = patch.tiling(graph, plan)
    for branch in branches.expand(tiling).graphs:
        branch.verify()
    for inputs in samples(graph, seed):
        assert same(branches.run(tiling, inputs), simulate.run(graph, inputs)), plan.to_json()


def test_firmware_gives_the_same_bytes(tmp_path: Path) -> None:
    """Portable C under sanitizers, also against itself layer by layer; the arena is what the plan says."""
    folders = iter(range(1000))

    @settings(max_examples=5, phases=[Phase.explicit, Phase.generate])
    @given(st.lists(cut_networks(), min_size=BATCH, max_size=BATCH))
    def check(cases: list[tuple[Graph, Plan]]) -> None:
        graphs, plans = zip(*cases, strict=True)
        inputs = [samples(graph, seed) for seed, graph in enumerate(graphs)]
        everything = [*graphs, *graphs], [*inputs, *inputs]
        outcomes = harness.run_cases(
            *everything, tmp_path / str(next(folders)), plans=[*plans, *[None] * len(plans)]
        )
        patched, whole = outcomes[: len(graphs)], outcomes[len(graphs) :]
        for graph, plan, xs, mine, theirs in zip(graphs, plans, inputs, patched, whole, strict=True):
            assert mine.program.arena_bytes == plan.memory.arena
            for x, got, want in zip(xs, mine.outputs, theirs.outputs, strict=True):
                assert same(got, want), plan.to_json()
                assert_agree(graph, got, simulate.run(graph, x), "patches")

    check()


def test_split_map_that_also_feeds_a_residual_addition(tmp_path: Path) -> None:
    """Behind the split, two layers read the split map: one at once, one only in the end."""
    graphs, plans = zip(*(_two_readers(mode) for mode in INPUT_MODES), strict=True)
    inputs = [samples(graph, 3) for graph in graphs]
    outcomes = harness.run_cases(graphs, inputs, tmp_path, plans=plans)
    for graph, xs, outcome in zip(graphs, inputs, outcomes, strict=True):
        for x, got in zip(xs, outcome.outputs, strict=True):
            assert same(got, simulate.run(graph, x))


def _two_readers(mode: str) -> tuple[Graph, Plan]:
    """The image feeds two layers whose results are joined; the split map feeds a residual addition behind the split."""
    net = Network(_First(), (1, 16, 13, 3))
    split = net.joined(net.source)
    graph = net.finish(net.residual(split))
    assert list(graph.readers(graph.inputs[0])) == [0, 1, 2]
    (position,) = (i for i, node in enumerate(graph.nodes) if split in node.outputs)
    assert len(list(graph.readers(split))) == 2
    return graph, patch.plan_of(graph, position, (3, 2), mode)


class _First:
    """The simplest choice everywhere, with some contents."""

    random = np.random.default_rng(1)

    def integer(self, low: int, high: int) -> int:
        return high if high < 9 else low

    def choice(self, options):  # type: ignore[no-untyped-def]
        return options[0]

    def array(self, shape: tuple[int, ...], low: int, high: int) -> np.ndarray:
        return self.random.integers(low, high, shape, endpoint=True)


def test_grid_larger_than_the_map_is_refused() -> None:
    graph, _ = _two_readers("arena")
    with pytest.raises(UsageError, match="cannot cut 16 cells into 17 parts"):
        patch.plan_of(graph, 3, (17, 2))


REAL = {
    "vww_mobilenetv1_025_96_int8": ((3, (4, 3)), (7, (2, 3)), (11, (3, 6))),
    "mcunet_vww_int8": ((6, (2, 2)), (12, (3, 5)), (28, (2, 2))),
    "ic_resnet8_int8": ((3, (1, 3)), (7, (5, 2)), (11, (4, 4))),
}


def check_real(path: Path, cuts: Iterable[tuple[int, tuple[int, int]]], folder: Path) -> None:
    graph = canonicalise(tflite.load(path))
    places = {head.split_after for head in heads(graph)}
    plans = [
        patch.plan_of(graph, split if split in places else min(places), grid, mode)
        for split, grid in cuts
        for mode in INPUT_MODES
    ]
    inputs = samples(graph, 5)
    expected = [simulate.run(graph, x) for x in inputs]
    outcomes = harness.run_cases([graph] * len(plans), [inputs] * len(plans), folder, plans=plans)
    for plan, outcome in zip(plans, outcomes, strict=True):
        assert outcome.program.arena_bytes == plan.memory.arena
        for got, want in zip(outcome.outputs, expected, strict=True):
            assert same(got, want), (plan.split_after, plan.grid, plan.input)


def test_digits96(digits: Path, tmp_path: Path) -> None:
    check_real(digits / "digits96_int8.tflite", ((4, (2, 2)), (8, (3, 5)), (15, (4, 4))), tmp_path)


@pytest.mark.data
@pytest.mark.parametrize("name", REAL)
def test_real_networks(name: str, models: Path, tmp_path: Path) -> None:
    check_real(models / f"{name}.tflite", REAL[name], tmp_path)


def test_no_branch_writes_over_the_image_that_others_still_read() -> None:
    """The last layer before the split may be able to work in place; its input can be the image of all branches."""
    for seed in (20, 37):
        graph = network(SeededDraw(seed))
        program = lower(graph, ["scalar"], plan=patch.plan_of(graph, 0, (3, 4), "arena"))
        images = {f"t{index}" for index in graph.inputs}
        assert not [share for share in program.placement.shared if share.optional and share.source in images]
