# SPDX-License-Identifier: Apache-2.0
"""Kernels of packed dot products below 8 bits on the simulated core: the reference's bytes, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from intarsia import ops, simulate
from intarsia.fixedpoint import Requantization, quantize_multiplier
from intarsia.ir import Graph
from intarsia.request import Objective
from intarsia_codegen.requantization import Layer
from intarsia_codegen.xpulp import requantize
from support import harness
from support.agree import assert_agree
from support.narrowlayers import LAYERS, POOLS, SHAPES, WIDTHS, Case, pool, samples_of
from support.packed import narrow_case, samples

BOARD = "rtl-cv32e40p"


def run(
    graphs: Sequence[Graph],
    inputs: Sequence[Sequence[Sequence[np.ndarray]]],
    folder: Path,
    objective: Objective = Objective.BALANCED,
) -> tuple[list[harness.Outcome], int]:
    """Compares; returns what ran, and how many kernels are made for the core."""
    outcomes = harness.run_cases(
        graphs, inputs, folder, board=BOARD, isas=("xpulp", "scalar"), objective=objective
    )
    for graph, xs, outcome in zip(graphs, inputs, outcomes, strict=True):
        for values, got in zip(xs, outcome.outputs, strict=True):
            assert_agree(graph, got, simulate.run(graph, values), BOARD)
    kernels = [kernel for o in outcomes for layer in o.program.layers for kernel in layer.kernels]
    return outcomes, sum(kernel.isa == "xpulp" for kernel in kernels)


def served(case: Case) -> bool:
    """Weights with a zero point and dilated rows are left to portable C."""
    return "weights_zero" not in case.options and "dilation" not in case.options


@pytest.mark.emulator
def test_convolutions(tmp_path: Path) -> None:
    """Every shape with two of the widths, weights packed in flash."""
    widths = (*WIDTHS, (4, 8, 4), (8, 4, 4), (8, 8, 2), (8, 2, 8), (4, 8, 8), (2, 8, 8))
    cases = [Case(s, k, c, w, o) for i, (s, k, c, o) in enumerate(SHAPES) for w in widths[i % 6 :: 6]]
    graphs = [case.graph(seed) for seed, case in enumerate(cases)]
    inputs = [samples_of(graph, seed) for seed, graph in enumerate(graphs)]
    assert run(graphs, inputs, tmp_path)[1] == sum(map(served, cases))


@pytest.mark.emulator
def test_drawn_layers(tmp_path: Path) -> None:
    """Random widths, mixed ones too; layers without a kernel of ours take the portable one."""
    operators = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD")
    graphs = [narrow_case(ops.registry()[operator], seed) for operator in operators for seed in range(8)]
    graphs += [pool(name, bits, 3, 2, (1, 7, 6, 20)) for name in POOLS for bits in (4, 2)]
    inputs = [samples(graph, seed) for seed, graph in enumerate(graphs)]
    assert run(graphs, inputs, tmp_path)[1] >= 12


@pytest.mark.emulator
@pytest.mark.parametrize(("objective", "least"), [(Objective.SPEED, 1.0), (Objective.BALANCED, 0.85)])
def test_cycles(objective: Objective, least: float, tmp_path: Path) -> None:
    """Maps of 4 bits are not slower than int8 with weights as bytes; packed weights cost what making words of them
    takes. Costs that planners are told are within 5 %."""
    cases = [
        Case(*LAYERS[layer], w, {"trained": True})
        for layer in LAYERS
        for w in ((8, 8, 8), (4, 4, 4), (2, 2, 2))
    ]
    graphs = [case.graph(seed) for seed, case in enumerate(cases)]
    inputs = [samples_of(graph, seed)[:1] for seed, graph in enumerate(graphs)]
    outcomes, _ = run(graphs, inputs, tmp_path, objective)
    cycles = [outcome.ticks[0] for outcome in outcomes]
    ratios = [whole / own for i in (0, 3) for whole in cycles[i : i + 1] for own in cycles[i + 1 : i + 3]]
    print(objective, ratios)
    assert min(ratios) >= least
    for outcome, own in zip(outcomes, cycles, strict=True):
        (kernel,) = outcome.program.layers[0].kernels
        assert kernel.generated is not None
        assert kernel.generated.cost == pytest.approx(own, rel=0.05)


def test_single_multiplications_of_every_sum() -> None:
    """What the instruction computes, for all reachable sums of layers with few codes."""
    found = []
    for seed, (minimum, maximum, zero, factor, up) in enumerate(
        (
            (-8, 7, -8, 0.0037, 4),
            (-8, 7, -8, 0.0011, 4),
            (-8, 7, -8, 0.002, 4),
            (-2, 1, -2, 0.0005, 6),
            (-2, 1, -2, 0.001, 6),
        )
    ):
        random = np.random.default_rng(seed)
        multiplier, shift = quantize_multiplier(factor)
        multipliers = tuple(int(multiplier * f) for f in random.uniform(0.6, 1, 5))
        rule = Requantization(multipliers, (shift,) * 5, zero, minimum, maximum)
        reach = random.integers(300, 9000, 5)
        bits = 2 if minimum == -2 else 4
        form = requantize.find(
            Layer(rule.apply, minimum, maximum, -reach, reach // 2, bits), range(up, -1, -1)
        )
        if form is None or form[0].single == 0:
            continue
        split, constants = form
        found.append(split)
        accumulators = np.arange(-9000, 5000, dtype=np.int64)[:, None]
        inside = (accumulators >= -reach) & (accumulators <= reach // 2)
        sums = (accumulators << split.up) + constants.bias
        sums = np.clip(sums, -(1 << 15), (1 << 15) - 1) if split.clipped else sums
        codes = (sums * constants.low + (1 << (split.single - 1))) >> split.single
        assert (np.clip(codes, minimum, maximum) == rule.apply(accumulators))[inside].all()
        assert ((sums >= -(1 << 15)) & (sums < 1 << 15))[inside].all()
    assert len(found) == 4
    assert {split.clipped for split in found} == {False, True}
