# SPDX-License-Identifier: Apache-2.0
"""Helium kernels below 8 bits under QEMU: the reference's bytes, and what they cost against the int8 kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from intarsia import ops, simulate
from intarsia.ir import Graph
from intarsia.plan import patch
from intarsia.plan.head import heads
from intarsia.plan.plan import Plan
from support import harness
from support.agree import assert_agree
from support.draw import SeededDraw
from support.narrowlayers import (
    BITS,
    EXPECTED,
    LAYERS,
    POOLED,
    POOLS,
    SHAPES,
    WIDTHS,
    Case,
    dense,
    pool,
    ratios_of,
    samples_of,
)
from support.networks import network
from support.packed import narrow_case, narrow_network, samples

M55 = "qemu-cortex-m55"
TICKS_PER_INSTRUCTION = 5.12


@dataclass(frozen=True)
class Measured:
    """Instructions of each graph's first sample, what its generators expected, how many of all kernels are Helium's."""

    counts: list[int]
    expected: list[int]
    generated: int


def run(
    graphs: Sequence[Graph],
    folder: Path,
    inputs: Sequence[Sequence[Sequence[np.ndarray]]] | None = None,
    plans: Sequence[Plan | None] | None = None,
) -> Measured:
    """Compares with the reference."""
    inputs = inputs or [samples(graph, seed) for seed, graph in enumerate(graphs)]
    outcomes = harness.run_cases(graphs, inputs, folder, board=M55, isas=("mve", "scalar"), plans=plans)
    for graph, xs, outcome in zip(graphs, inputs, outcomes, strict=True):
        for values, got in zip(xs, outcome.outputs, strict=True):
            assert_agree(graph, got, simulate.run(graph, values), M55)
    kernels = [[kernel for layer in o.program.layers for kernel in layer.kernels] for o in outcomes]
    return Measured(
        [round(outcome.ticks[0] / TICKS_PER_INSTRUCTION) for outcome in outcomes],
        [sum(kernel.generated.cost for kernel in made if kernel.generated) for made in kernels],
        sum(kernel.isa == "mve" for made in kernels for kernel in made),
    )


def convolutions(cases: Sequence[Case], folder: Path) -> Measured:
    graphs = [case.graph(seed) for seed, case in enumerate(cases)]
    return run(graphs, folder, [samples_of(graph, seed) for seed, graph in enumerate(graphs)])


@pytest.mark.emulator
def test_convolutions(tmp_path: Path) -> None:
    """Every shape with a quarter of the widths, and several strips; three shapes are left to other kernels."""
    widths = (*WIDTHS, (4, 8, 4), (8, 4, 4), (8, 8, 2), (8, 2, 8), (4, 8, 8), (2, 8, 8))
    cases = [Case(s, k, c, w, o) for i, (s, k, c, o) in enumerate(SHAPES) for w in widths[i % 4 :: 4]]
    others = sum(
        case.shape[3] == 200 or bool({"dilation", "weights_zero"} & set(case.options)) for case in cases
    )
    cases += [Case((1, 40, 12, 16), (3, 3), 8, (8, 4, 4)), Case((1, 30, 30, 12), (3, 3), 9, (4, 8, 4))]
    assert convolutions(cases, tmp_path).generated == len(cases) - others


@pytest.mark.emulator
@pytest.mark.parametrize("operator", ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", *POOLS])
def test_drawn_layers(operator: str, tmp_path: Path) -> None:
    """Random widths, mixed ones too; layers without a kernel of ours take the portable one."""
    assert run([narrow_case(ops.registry()[operator], seed) for seed in range(14)], tmp_path).generated >= 2


@pytest.mark.emulator
@pytest.mark.parametrize("name", POOLS)
def test_pools(name: str, tmp_path: Path) -> None:
    """Odd channels, borders, several strips."""
    shapes = [(1, 5, 7, 7), (2, 9, 4, 12), (1, 40, 24, 10)]
    graphs = [pool(name, bits, 3, s, shape) for bits in (4, 2) for s in (1, 2) for shape in shapes]
    assert run(graphs, tmp_path).generated == len(graphs)


@pytest.mark.emulator
def test_branches(tmp_path: Path) -> None:
    """Patches of packed maps."""
    graphs, plans = [], []
    for seed in range(6):
        draw = SeededDraw(seed)
        graph = network(draw)
        if graph.tensor(graph.inputs[0]).dtype.is_float:
            continue
        graph = narrow_network(graph, seed)
        head = draw.choice(heads(graph))
        grid = (draw.integer(1, min(head.extents[0], 3)), draw.integer(1, min(head.extents[1], 3)))
        graphs.append(graph)
        plans.append(patch.plan_of(graph, head.split_after, grid, "arena"))
    assert run(graphs, tmp_path, plans=plans).generated >= len(graphs)


@pytest.mark.emulator
@pytest.mark.parametrize("widths", [(4, 4, 4), (2, 4, 4), (8, 4, 4), (4, 8, 8)])
def test_expected_instructions(widths: tuple[int, int, int], tmp_path: Path) -> None:
    """What generators expect is what the search of bits takes for the cost of a layer."""
    measured = convolutions([Case(*shape[:3], widths, shape[3]) for shape in EXPECTED], tmp_path)
    for case, count, expected in zip(EXPECTED, measured.counts, measured.expected, strict=True):
        assert abs(expected / count - 1) <= 0.1, f"{case}: {count} instructions, {expected} expected"


LEAST = {
    ("1x1", (4, 4, 4)): 0.92,
    ("1x1", (2, 2, 2)): 0.92,
    ("1x1", (4, 8, 8)): 0.96,
    ("3x3", (4, 4, 4)): 0.95,
    ("3x3", (2, 2, 2)): 0.95,
    ("3x3", (4, 8, 8)): 0.98,
}
"""Instructions of the int8 kernel to those of ours, at least: 16 products of bytes in one instruction are the most that
Helium has, so that fewer bits save memory, and little time is lost to unpack them."""


@pytest.mark.emulator
@pytest.mark.parametrize("layer", LAYERS)
def test_instructions(layer: str, tmp_path: Path) -> None:
    least = {widths: ratio for (name, widths), ratio in LEAST.items() if name == layer}
    cases = [Case(*LAYERS[layer], w, {"trained": True}) for w in [(8, 8, 8), *least]]
    counts = convolutions(cases, tmp_path).counts
    for (widths, ratio), count in zip(least.items(), counts[1:], strict=True):
        print(f"{layer} weights, input, output {widths}: {count} instructions, {counts[0] / count:.3f}")
        assert counts[0] / count >= ratio


OTHERS = {
    "MAX_POOL_2D": ([pool("MAX_POOL_2D", bits, *layer) for layer in POOLED for bits in BITS], 0.5),
    "AVERAGE_POOL_2D": ([pool("AVERAGE_POOL_2D", bits, *layer) for layer in POOLED for bits in BITS], 0.8),
    "FULLY_CONNECTED": ([dense(256, 64, bits) for bits in BITS], 0.9),
}
"""Graphs, and instructions of int8 to those of ours, at least."""


@pytest.mark.emulator
@pytest.mark.parametrize("operator", OTHERS)
def test_instructions_of_other_layers(operator: str, tmp_path: Path) -> None:
    graphs, least = OTHERS[operator]
    ratios = ratios_of(run(graphs, tmp_path).counts)
    print(operator, ratios)
    assert min(min(row) for row in ratios) >= least
