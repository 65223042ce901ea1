# SPDX-License-Identifier: Apache-2.0
"""Portable C blocked for registers: the reference's bytes, with sanitizers on this computer, and without SIMD."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from intarsia import ops, simulate
from intarsia.ir import Graph
from intarsia.kernelcall import KernelCall
from intarsia.plan.plan import Plan
from intarsia_codegen.blocked.scale import scale_of
from intarsia_codegen.layertext import folded_bias
from intarsia_codegen.lower import lower
from support import harness
from support.agree import assert_agree
from support.draw import sample
from support.layers import drawn, layer, with_constant_channels
from support.rowwise import cuts, layers_of_every_shift, windowed_layers, with_lowest_weights

OPERATORS = {"CONV_2D": 14, "FULLY_CONNECTED": 14, "DEPTHWISE_CONV_2D": 7, "ADD": 4}
"""How many of an operator's drawn layers must run on these kernels."""
DRAWN = 14
BOARDS = [
    "host",
    *(
        pytest.param(f"qemu-{core}", marks=pytest.mark.emulator)
        for core in ("cortex-m0", "cortex-m3", "riscv32")
    ),
]


CONSTANT: tuple[tuple[tuple[int, ...], tuple[int, int], int, Sequence[int]], ...] = (
    ((1, 3, 3, 16), (1, 1), 16, (0, 5, 6, 15)),
    ((1, 5, 5, 40), (1, 1), 31, (1, 2, 30)),
    ((2, 3, 3, 32), (1, 1), 40, ()),
    ((1, 5, 5, 16), (3, 3), 19, (7, 8, 9, 10, 18)),
    ((1, 4, 4, 3), (3, 3), 21, (3, 11, 12)),
)
"""Convolutions and those of their channels that are not constant."""


def run(
    graphs: Sequence[Graph], folder: Path, board: str, plans: Sequence[Plan | None] | None = None
) -> list[bool]:
    """Runs graphs, in patches where there are plans, and compares; tells which ran on one of these kernels."""
    random = np.random.default_rng(11)
    samples = [[[sample(g.tensor(i), random) for i in g.inputs] for _ in range(2)] for g in graphs]
    outcomes = harness.run_cases(
        graphs, samples, folder, board=board, isas=("blocked", "scalar"), plans=plans
    )
    for graph, inputs, outcome in zip(graphs, samples, outcomes, strict=True):
        for values, got in zip(inputs, outcome.outputs, strict=True):
            assert_agree(graph, got, simulate.run(graph, values), board)
    return [
        any(kernel.isa == "blocked" for step in outcome.program.layers for kernel in step.kernels)
        for outcome in outcomes
    ]


def test_drawn_layers(tmp_path: Path) -> None:
    graphs = {operator: drawn(operator, DRAWN) for operator in OPERATORS}
    blocked = run([graph for group in graphs.values() for graph in group], tmp_path, "host")
    counts = {operator: sum(blocked[i * DRAWN : (i + 1) * DRAWN]) for i, operator in enumerate(graphs)}
    assert all(counts[operator] >= least for operator, least in OPERATORS.items()), counts


def test_fully_connected_rounded_once(tmp_path: Path) -> None:
    blocked = run(drawn("FULLY_CONNECTED", DRAWN, "litert"), tmp_path, "host")
    assert sum(blocked) >= DRAWN // 2


@pytest.mark.parametrize("board", BOARDS)
def test_shapes_that_reach_every_path(board: str, tmp_path: Path) -> None:
    graphs = windowed_layers()
    graphs += [with_lowest_weights(graph) for graph in graphs[-3:]]
    if board == "qemu-cortex-m0":
        graphs = graphs[::5]
    assert all(run(graphs, tmp_path, board))


@pytest.mark.parametrize("board", [BOARDS[0], BOARDS[-1]])
def test_shifts_of_every_sign(board: str, tmp_path: Path) -> None:
    assert all(run(layers_of_every_shift(), tmp_path, board))


@pytest.mark.parametrize("board", [BOARDS[0], BOARDS[-1]])
def test_channels_that_no_input_changes(board: str, tmp_path: Path) -> None:
    graphs = [
        with_constant_channels(layer("CONV_2D", shape, kernel, channels, seed), live)
        for seed, (shape, kernel, channels, live) in enumerate(CONSTANT)
    ]
    assert all(run(graphs, tmp_path, board))
    chosen = [step.kernels[0].generated for g in graphs for step in lower(g, ("blocked", "scalar")).layers]
    assert all(any("scatter" in source.name for source in kernel.sources) for kernel in chosen if kernel)


def test_branches_of_patches(tmp_path: Path) -> None:
    graphs, plans = zip(*cuts(), strict=True)
    assert all(run(graphs, tmp_path, "host", plans))


def test_every_form_is_used() -> None:
    """The short ones for most layers, the rule itself where neither is proved."""
    forms = []
    for graph in (*windowed_layers(), *layers_of_every_shift()):
        (call,) = ops.registry()[graph.nodes[0].op].lower(graph.nodes[0], graph)
        assert isinstance(call, KernelCall)
        weights = call.constant("weights")
        if call.op == "depthwise_conv_2d":
            weights = weights.reshape(-1, weights.shape[-1]).T
        weights = weights.reshape(len(weights), -1)
        forms.append(scale_of(call, weights, folded_bias(call, weights.sum(axis=1, dtype=np.int64))).form)
    assert {"line", "two_lines", "exact"} == set(forms)
    assert forms.count("exact") < len(forms) / 3
