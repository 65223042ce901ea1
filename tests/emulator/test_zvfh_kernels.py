# SPDX-License-Identifier: Apache-2.0
"""RISC-V's floating-point vectors under QEMU: halves have the bytes of the reference, floats are within rounding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from intarsia import simulate
from intarsia.ir import Graph
from intarsia.passes import half
from support import harness
from support.agree import assert_agree
from support.draw import sample
from support.halves import SHAPES, convolution, drawn
from support.probabilities import assert_probabilities, rows

BOARD = "qemu-riscv32-v"
OPERATORS = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 1, "FULLY_CONNECTED": 3, "AVERAGE_POOL_2D": 3, "ADD": 1}
"""Of the drawn layers, so many are served: depth multipliers and broadcasting are not."""
DRAWN = 6
WIDER = (((1, 5, 6, 10), (3, 3), 40, "SAME"), ((1, 3, 7, 70), (1, 1), 70, "VALID"))


def run(
    graphs: Sequence[Graph], folder: Path, isa: str
) -> list[tuple[Graph, list[np.ndarray], np.ndarray, bool]]:
    """Graph, inputs and output of every run, and whether vectors were used."""
    random = np.random.default_rng(4)
    samples = [[[sample(g.tensor(i), random) for i in g.inputs] for _ in range(2)] for g in graphs]
    outcomes = harness.run_cases(graphs, samples, folder, board=BOARD, isas=(isa, "scalar"))
    return [
        (graph, list(values), got[0], any(k.isa == isa for layer in o.program.layers for k in layer.kernels))
        for graph, inputs, o in zip(graphs, samples, outcomes, strict=True)
        for values, got in zip(inputs, o.outputs, strict=True)
    ]


@pytest.mark.emulator
@pytest.mark.parametrize("isa", ["zve32f", "zvfh"])
def test_drawn_layers(isa: str, tmp_path: Path) -> None:
    real = [graph for operator in OPERATORS for graph in drawn(operator, DRAWN)]
    graphs = [half.run(graph) for graph in real] if isa == "zvfh" else real
    served = dict.fromkeys(OPERATORS, 0)
    for place, (graph, values, got, vectors) in enumerate(run(graphs, tmp_path, isa)):
        assert_agree(graph, [got], simulate.run(graph, values), BOARD)
        served[list(OPERATORS)[place // (2 * DRAWN)]] += vectors
    assert all(served[operator] >= 2 * least for operator, least in OPERATORS.items()), served


@pytest.mark.emulator
def test_probabilities_are_within_their_bound(tmp_path: Path) -> None:
    for graph, values, got, vectors in run(rows(), tmp_path, "zve32f"):
        assert vectors
        assert_probabilities(graph, values[0], got)


@pytest.mark.emulator
def test_halves_have_the_bytes_of_portable_c(tmp_path: Path) -> None:
    """Values that round at every step of a sum in half precision."""
    graphs = [convolution(*shape) for shape in (*SHAPES, *WIDER)]
    vectors, portable = (
        run(graphs, tmp_path / "vectors", "zvfh"),
        run(graphs, tmp_path / "portable", "scalar"),
    )
    for (_, _, ours, served), (_, _, theirs, _) in zip(vectors, portable, strict=True):
        assert served
        assert np.array_equal(ours.view(np.uint16), theirs.view(np.uint16))
