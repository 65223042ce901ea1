# SPDX-License-Identifier: Apache-2.0
"""Helium's floating-point kernels under QEMU: halves bit by bit against fused sums, floats within rounding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from intarsia import simulate
from intarsia.ir import Graph
from intarsia.ops.conv_2d import OPERATOR as CONV_2D
from intarsia.passes import half
from support import harness
from support.agree import assert_agree
from support.draw import sample
from support.halves import SHAPES, UNIT, bound, convolution, drawn, fused
from support.probabilities import assert_probabilities, rows

BOARD = "qemu-cortex-m55"
OPERATORS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "AVERAGE_POOL_2D", "ADD")
DRAWN = 10
LEAST = dict.fromkeys(OPERATORS, 5) | {"DEPTHWISE_CONV_2D": 3, "ADD": 1}
"""Of the drawn layers, so many are served: depth multipliers and broadcasting are not."""


def run(
    graphs: Sequence[Graph], folder: Path, least: int
) -> list[tuple[Graph, list[np.ndarray], np.ndarray]]:
    """Graph, inputs and output of every run; at least so many graphs have vector kernels."""
    random = np.random.default_rng(4)
    samples = [[[sample(g.tensor(i), random) for i in g.inputs] for _ in range(2)] for g in graphs]
    outcomes = harness.run_cases(graphs, samples, folder, board=BOARD, isas=("mvef", "scalar"))
    kernels = [[k.isa for layer in o.program.layers for k in layer.kernels] for o in outcomes]
    assert sum("mvef" in isas for isas in kernels) >= least
    return [
        (graph, list(values), got[0])
        for graph, inputs, outcome in zip(graphs, samples, outcomes, strict=True)
        for values, got in zip(inputs, outcome.outputs, strict=True)
    ]


@pytest.mark.emulator
@pytest.mark.parametrize("operator", OPERATORS)
def test_floats_agree_with_the_reference(operator: str, tmp_path: Path) -> None:
    for graph, values, got in run(drawn(operator, DRAWN), tmp_path, LEAST[operator]):
        assert_agree(graph, [got], simulate.run(graph, values), BOARD)


@pytest.mark.emulator
def test_probabilities_are_within_their_bound(tmp_path: Path) -> None:
    for graph, values, got in run(rows(), tmp_path, len(rows())):
        assert_probabilities(graph, values[0], got)


@pytest.mark.emulator
@pytest.mark.parametrize("operator", OPERATORS)
def test_halves_agree_with_the_reference(operator: str, tmp_path: Path) -> None:
    """Within the rounding of some dozen sums; the next test has the exact ones."""
    graphs = [half.run(graph) for graph in drawn(operator, DRAWN)]
    for graph, values, got in run(graphs, tmp_path, LEAST[operator]):
        (want,) = simulate.run(graph, values)
        scale = float(np.abs(want[np.isfinite(want)]).max(initial=1.0))
        assert np.allclose(got, want.reshape(got.shape), rtol=0.01, atol=40 * UNIT * scale)


@pytest.mark.emulator
def test_halves_are_fused_sums_within_their_bound(tmp_path: Path) -> None:
    graphs = [convolution(*shape) for shape in SHAPES]
    for graph, (x,), got in run(graphs, tmp_path, len(graphs)):
        node = graph.nodes[0]
        weights, bias = graph.constant(node, 1), graph.constant(node, 2)
        kernel = weights.reshape(len(weights), -1)
        columns = CONV_2D.geometry(node, graph).windows(x, 0.0).reshape(-1, kernel.shape[1])
        rows = got.reshape(-1, len(kernel))
        assert np.array_equal(rows, fused(columns, kernel, bias))
        exact = columns.astype(np.float64) @ kernel.T.astype(np.float64) + bias
        assert (np.abs(rows - exact) <= bound(columns, kernel, bias)).all()
