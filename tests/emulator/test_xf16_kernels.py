# SPDX-License-Identifier: Apache-2.0
"""Kernels of floats and pairs of halves on the simulated core: halves bit by bit against fused sums in two lanes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from intarsia import check, ops, simulate
from intarsia.dtypes import FLOAT16, FLOAT32
from intarsia.ir import Graph, Node, Tensor
from intarsia.ops.conv_2d import OPERATOR as CONV_2D
from intarsia.ops.conv_2d import Conv2DAttrs
from intarsia.passes import half
from intarsia.request import Objective
from support import harness
from support.agree import assert_agree
from support.draw import SeededDraw, sample
from support.halves import UNIT, bound, fused
from support.probabilities import assert_probabilities, rows

BOARD = "rtl-cv32e40p-fpu"
DRAWN = 7
LEAST = {"CONV_2D": 7, "FULLY_CONNECTED": 7, "DEPTHWISE_CONV_2D": 1, "ADD": 2, "AVERAGE_POOL_2D": 7}
"""Of the drawn layers, so many are served: depth multipliers, odd halves and broadcasting are not."""
SHAPES = (
    ((1, 6, 5, 8), (3, 3), 16, "SAME"),
    ((1, 5, 7, 12), (1, 1), 22, "VALID"),
    ((2, 5, 5, 6), (2, 3), 9, "VALID"),
    ((1, 4, 4, 3), (2, 2), 5, "SAME"),
)


def drawn(operator: str, count: int) -> list[Graph]:
    """Supported float32 cases."""
    found: list[Graph] = []
    for seed in range(300):
        graph = ops.registry()[operator].cases(SeededDraw(seed))
        real = graph.tensor(graph.inputs[0]).dtype == FLOAT32
        if real and len(found) < count and check.fault(graph.nodes[0], graph) is None:
            found.append(graph)
    return found


def run(graphs: Sequence[Graph], folder: Path) -> list[tuple[Graph, list[np.ndarray], np.ndarray, bool]]:
    """Graph, inputs and output of every run, and whether a kernel of these ran."""
    random = np.random.default_rng(4)
    samples = [[[sample(g.tensor(i), random) for i in g.inputs]] for g in graphs]
    outcomes = harness.run_cases(
        graphs, samples, folder, board=BOARD, isas=("xf16", "scalar"), objective=Objective.SPEED
    )
    return [
        (
            graph,
            list(inputs[0]),
            outcome.outputs[0][0],
            any(k.isa == "xf16" for layer in outcome.program.layers for k in layer.kernels),
        )
        for graph, inputs, outcome in zip(graphs, samples, outcomes, strict=True)
    ]


@pytest.mark.emulator
def test_reals_agree_with_the_reference(tmp_path: Path) -> None:
    """Floats within rounding, halves within that of some dozen sums; the next test has the exact ones."""
    floats = [graph for operator in LEAST for graph in drawn(operator, DRAWN)]
    outcomes = run([*floats, *map(half.run, floats)], tmp_path)
    for graph, values, got, _ in outcomes[: len(floats)]:
        assert_agree(graph, [got], simulate.run(graph, values), BOARD)
    for graph, values, got, _ in outcomes[len(floats) :]:
        (want,) = simulate.run(graph, values)
        scale = float(np.abs(want[np.isfinite(want)]).max(initial=1.0))
        assert np.allclose(got, want.reshape(got.shape), rtol=0.01, atol=40 * UNIT * scale)
    for i, least in enumerate([*LEAST.values()] * 2):
        assert sum(served for *_, served in outcomes[i * DRAWN : (i + 1) * DRAWN]) >= least


@pytest.mark.emulator
def test_probabilities_are_within_their_bound(tmp_path: Path) -> None:
    for graph, values, got, served in run(rows(), tmp_path):
        assert served
        assert_probabilities(graph, values[0], got)


def convolution(shape: tuple[int, ...], window: tuple[int, int], channels: int, padding: str) -> Graph:
    """In half precision throughout, with values that round at every step."""
    random = np.random.default_rng(channels)
    weights = random.normal(size=(channels, *window, shape[3])).astype(np.float16)
    bias = random.normal(size=channels).astype(np.float32)
    tensors = [
        Tensor("x", shape, FLOAT16),
        Tensor("w", weights.shape, FLOAT16, None, weights),
        Tensor("b", bias.shape, FLOAT32, None, bias),
    ]
    node = Node("CONV_2D", (0, 1, 2), (3,), Conv2DAttrs(padding), "conv")
    partial = Graph("g", tuple(tensors), (), (0,), ())
    (out,) = CONV_2D.infer(node, partial)
    return Graph("g", (*tensors, Tensor("y", out, FLOAT16)), (node,), (0,), (3,)).verify()


@pytest.mark.emulator
def test_halves_are_two_fused_sums_within_their_bound(tmp_path: Path) -> None:
    """Products at even places and the bias, products at odd places, then both together."""
    for graph, (x,), got, served in run([convolution(*shape) for shape in SHAPES], tmp_path):
        assert served
        node = graph.nodes[0]
        weights, bias = graph.constant(node, 1), graph.constant(node, 2)
        kernel = weights.reshape(len(weights), -1)
        columns = CONV_2D.geometry(node, graph).windows(x, 0.0).reshape(-1, kernel.shape[1])
        rows = got.reshape(-1, len(kernel))
        even = fused(columns[:, 0::2], kernel[:, 0::2], bias)
        odd = fused(columns[:, 1::2], kernel[:, 1::2], np.zeros_like(bias))
        assert np.array_equal(rows, even + odd)
        exact = columns.astype(np.float64) @ kernel.T.astype(np.float64) + bias
        assert (np.abs(rows - exact) <= bound(columns, kernel, bias)).all()
