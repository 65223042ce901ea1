# SPDX-License-Identifier: Apache-2.0
"""Kernels of packed dot products on the simulated core: the reference's bytes, in one program to be cheap."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from intarsia import simulate
from intarsia.bench import layers as suite
from intarsia.fixedpoint import Requantization, quantize_multiplier
from intarsia.ir import Graph
from intarsia.plan.plan import Plan
from intarsia.request import Objective
from intarsia_codegen.requantization import Layer
from intarsia_codegen.xpulp import pooling, requantize
from support import harness
from support.agree import assert_agree
from support.draw import sample
from support.layers import drawn, layer, mean, with_constant_channels
from support.narrowlayers import pool
from support.rowwise import cuts, layers_of_every_shift, windowed_layers, with_lowest_weights

BOARD = "rtl-cv32e40p"
ISAS = ("xpulp", "blocked", "scalar")
DRAWN = 10


def run(
    graphs: Sequence[Graph], folder: Path, plans: Sequence[Plan | None] | None = None
) -> list[harness.Outcome]:
    """Runs graphs, in patches where there are plans, and compares."""
    random = np.random.default_rng(11)
    samples = [[[sample(g.tensor(i), random) for i in g.inputs]] for g in graphs]
    outcomes = harness.run_cases(
        graphs, samples, folder, board=BOARD, isas=ISAS, plans=plans, objective=Objective.SPEED
    )
    for graph, inputs, outcome in zip(graphs, samples, outcomes, strict=True):
        for values, got in zip(inputs, outcome.outputs, strict=True):
            assert_agree(graph, got, simulate.run(graph, values), BOARD)
    return outcomes


def packed(outcome: harness.Outcome) -> bool:
    return any(kernel.isa == "xpulp" for step in outcome.program.layers for kernel in step.kernels)


def wide_pools(operator: str) -> list[Graph]:
    """Layers with enough channels, of every window and stride that are drawn."""
    found = [
        graph for graph in drawn(operator, 40) if graph.tensor(graph.inputs[0]).shape[-1] >= pooling.LANES
    ]
    return [*found[:5], pool(operator, 8, 3, 2, (1, 7, 6, 20)), pool(operator, 8, 16, 16, (1, 16, 16, 8))]


def averages() -> list[Graph]:
    """Over rows and columns, over columns, and over channels that do not fill words."""
    return [mean((2, 5, 3, 19), (1, 2)), mean((1, 3, 9, 8), (2,)), mean((2, 2, 3, 37), (3,))]


@pytest.mark.emulator
def test_every_layer(tmp_path: Path) -> None:
    """Shapes that reach every path, factors of every size, long sums, drawn layers, both rules, constant channels,
    patches."""
    windowed = windowed_layers()
    windowed += [with_lowest_weights(graph) for graph in windowed[-3:]]
    scaled = layers_of_every_shift()
    long = [entry for entry in suite.layers() if entry.name == "640 -> 128"]
    dense = [suite.graph(long), *drawn("FULLY_CONNECTED", DRAWN), *drawn("FULLY_CONNECTED", DRAWN, "litert")]
    constant = [
        with_constant_channels(layer("CONV_2D", (1, 5, 5, 40), (1, 1), 31, 1), (1, 2, 30)),
        with_constant_channels(layer("CONV_2D", (1, 4, 4, 3), (3, 3), 21, 2), (3, 11, 12)),
    ]
    added = drawn("ADD", DRAWN)
    reduced = [*drawn("MEAN", DRAWN), *averages()]
    pooled = [*wide_pools("MAX_POOL_2D"), *wide_pools("AVERAGE_POOL_2D")]
    parted, plans = zip(*cuts(), strict=True)
    graphs = [*windowed, *scaled, *dense, *added, *constant, *reduced, *pooled, *parted]
    whole = [None] * (len(graphs) - len(parted))
    outcomes = run(graphs, tmp_path, [*whole, *plans])
    kinds = (windowed, scaled, dense, added, constant, reduced, pooled, parted)
    for kind, least in zip(kinds, (19, 8, 15, 3, 2, len(reduced), len(pooled), 12), strict=True):
        assert sum(map(packed, outcomes[: len(kind)])) >= least
        outcomes = outcomes[len(kind) :]


@pytest.mark.emulator
def test_estimated_costs_are_near_what_is_measured(tmp_path: Path) -> None:
    """They decide between kernels: within a quarter."""
    graphs = [
        layer("CONV_2D", (1, 8, 8, 32), (1, 1), 32, 1),
        layer("CONV_2D", (1, 8, 8, 16), (3, 3), 16, 2),
        layer("CONV_2D", (1, 5, 5, 16), (3, 3), 16, 2),
        layer("DEPTHWISE_CONV_2D", (1, 12, 12, 16), (3, 3), 16, 3),
        layer("DEPTHWISE_CONV_2D", (1, 12, 12, 32), (5, 5), 32, 4, stride=(2, 2)),
    ]
    for outcome in run(graphs, tmp_path):
        (kernel,) = outcome.program.layers[0].kernels
        assert kernel.isa == "xpulp"
        assert kernel.generated is not None
        assert 4 / 5 < kernel.generated.cost / outcome.ticks[0] < 5 / 4, (
            kernel.generated.cost,
            outcome.ticks,
        )


def test_requantization_of_every_sum() -> None:
    """What the instructions compute, for all reachable sums of small layers, the multiplier in two parts."""
    forms = set()
    for seed, (minimum, zero, factor) in enumerate(
        ((-128, -128, 0.011), (-128, 3, 0.0217), (-20, -20, 0.05), (-128, 0, 0.00091), (-128, -7, 0.9))
    ):
        random = np.random.default_rng(seed)
        multiplier, shift = quantize_multiplier(factor)
        channels = 5
        multipliers = tuple(int(multiplier * f) for f in random.uniform(0.6, 1, channels))
        rule = Requantization(multipliers, (shift,) * channels, zero, minimum, 127)
        reach = random.integers(200, 90000, channels)
        layer_ = Layer(rule.apply, minimum, 127, -reach, reach // 2)
        found = requantize.find(layer_)
        assert found is not None
        split, constants = found
        forms.add((split.clipped, split.signed, split.clamped))
        sums = np.arange(-90000, 90000, dtype=np.int64)[:, None]
        inside = (sums >= -reach) & (sums <= reach // 2)
        assert (codes_by_instructions(split, constants, sums, minimum) == rule.apply(sums))[inside].all()
    assert len(forms) >= 3


def codes_by_instructions(
    split: requantize.Split, constants: requantize.Constants, sums: np.ndarray, minimum: int
) -> np.ndarray:
    total = sums + constants.bias
    sign = total >> 31
    if split.clipped:
        total = np.clip(total, -(1 << (split.sum_bits - 1)), (1 << (split.sum_bits - 1)) - 1)
    value = ((total * constants.low) >> split.low_bits) + total * constants.high
    value += sign * constants.delta if split.signed else 0
    return np.clip((value + constants.offset) >> constants.exponent, minimum, 127)
