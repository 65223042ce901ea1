# SPDX-License-Identifier: Apache-2.0
"""Pooling and dense layers below 8 bits for Arm's DSP extension: the reference's bytes, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from intarsia import ops, simulate
from intarsia.ir import Graph
from support import harness
from support.agree import assert_agree
from support.narrowlayers import BITS, POOLED, POOLS, dense, pool, ratios_of, sums
from support.packed import narrow_case, samples

M4 = "qemu-cortex-m4"
TICKS_PER_INSTRUCTION = 6.4


def run(graphs: Sequence[Graph], folder: Path) -> tuple[list[int], int]:
    """Compares; returns instructions of the first sample of each graph, and how many kernels use the extension."""
    inputs = [samples(graph, seed) for seed, graph in enumerate(graphs)]
    outcomes = harness.run_cases(graphs, inputs, folder, board=M4, isas=("dsp", "scalar"))
    for graph, xs, outcome in zip(graphs, inputs, outcomes, strict=True):
        for values, got in zip(xs, outcome.outputs, strict=True):
            assert_agree(graph, got, simulate.run(graph, values), M4)
    kernels = [kernel for o in outcomes for layer in o.program.layers for kernel in layer.kernels]
    counts = [round(outcome.ticks[0] / TICKS_PER_INSTRUCTION) for outcome in outcomes]
    return counts, sum(kernel.isa == "dsp" for kernel in kernels)


@pytest.mark.emulator
@pytest.mark.parametrize("name", POOLS)
def test_drawn_pools(name: str, tmp_path: Path) -> None:
    """Random windows and widths; outputs of another scale take the portable kernel."""
    _, generated = run([narrow_case(ops.registry()[name], seed) for seed in range(16)], tmp_path)
    assert generated >= 1


@pytest.mark.emulator
@pytest.mark.parametrize("name", POOLS)
def test_pools(name: str, tmp_path: Path) -> None:
    """Odd channels, borders, several strips; what layers cost against int8."""
    shapes = [(1, 5, 7, 7), (2, 9, 4, 12), (1, 40, 24, 10)]
    _, generated = run(
        [pool(name, bits, 3, s, shape) for bits in (4, 2) for s in (1, 2) for shape in shapes], tmp_path
    )
    assert generated == 4 * len(shapes)


LEAST = {"MAX_POOL_2D": 1.15, "AVERAGE_POOL_2D": 1.1}
"""Instructions of int8 to those of ours, at least."""


@pytest.mark.emulator
@pytest.mark.parametrize("name", POOLS)
def test_costs_of_pools(name: str, tmp_path: Path) -> None:
    counts, _ = run([pool(name, bits, *layer) for layer in POOLED for bits in BITS], tmp_path)
    for layer, ratios in zip(POOLED, ratios_of(counts), strict=True):
        print(name, layer, ratios)
        assert min(ratios) >= LEAST[name]


DENSE = {(64, 10): 0.97, (256, 64): 0.99, (30, 7): 0.5}
"""Columns and units, and instructions of int8 to those of ours, at least."""


@pytest.mark.emulator
def test_costs_of_dense_layers(tmp_path: Path) -> None:
    counts, generated = run([dense(*sizes, bits) for sizes in DENSE for bits in BITS], tmp_path)
    assert generated == len(counts)
    for sizes, ratios in zip(DENSE, ratios_of(counts), strict=True):
        print("dense", sizes, ratios)
        assert min(ratios) >= DENSE[sizes]


MIXED = ((8, 8, 4), (8, 4, 4), (4, 8, 4), (4, 8, 8), (8, 4, 8), (4, 4, 8), (4, 4, 4))
"""Widths of both operands and the output of sums."""

LEAST_OF_SUMS = 0.9
"""Instructions of an int8 ADD to those of mixed widths, at least."""


@pytest.mark.emulator
def test_sums_of_mixed_widths(tmp_path: Path) -> None:
    """Blocks, elements left over, zero points and limits; what they cost against int8."""
    every = ((8, 8, 8), *MIXED)
    shapes = ((1, 12, 8, 16), (1, 1, 1, 13), (1, 3, 5, 6))
    graphs = [sums(shape, w, i, ("NONE", "RELU")[i % 2]) for i, shape in enumerate(shapes) for w in every]
    graphs += [sums(shapes[2], w, seed) for seed in range(3, 6) for w in MIXED]
    counts, generated = run(graphs, tmp_path)
    assert generated == len(graphs)
    ratios = {w: counts[0] / count for w, count in zip(every, counts, strict=False)}
    print(ratios)
    assert min(ratios.values()) >= LEAST_OF_SUMS
