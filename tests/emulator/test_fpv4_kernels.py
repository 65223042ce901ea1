# SPDX-License-Identifier: Apache-2.0
"""Kernels for the floating-point unit of Cortex-M under QEMU: halves have the bytes of the reference, floats are
within rounding.
"""

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

BOARD = "qemu-cortex-m4"
OPERATORS = {"CONV_2D": 10, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 10}
"""Of the drawn layers, so many are served: depth multipliers are not."""
DRAWN = 10
WIDER = (((1, 5, 6, 10), (3, 3), 40, "SAME"), ((1, 3, 7, 70), (1, 1), 70, "VALID"))


def run(
    graphs: Sequence[Graph], folder: Path, isas: Sequence[str] = ("fpv4", "scalar")
) -> list[tuple[Graph, list[np.ndarray], np.ndarray, bool]]:
    """Graph, inputs and output of every run, and whether a kernel of these ran."""
    random = np.random.default_rng(4)
    samples = [[[sample(g.tensor(i), random) for i in g.inputs]] for g in graphs]
    outcomes = harness.run_cases(graphs, samples, folder, board=BOARD, isas=isas)
    return [
        (
            graph,
            list(inputs[0]),
            outcome.outputs[0][0],
            any(k.isa == "fpv4" for layer in outcome.program.layers for k in layer.kernels),
        )
        for graph, inputs, outcome in zip(graphs, samples, outcomes, strict=True)
    ]


@pytest.mark.emulator
@pytest.mark.parametrize("halves", [False, True], ids=["float32", "float16"])
def test_drawn_layers(halves: bool, tmp_path: Path) -> None:
    real = [graph for operator in OPERATORS for graph in drawn(operator, DRAWN)]
    outcomes = run([half.run(graph) for graph in real] if halves else real, tmp_path)
    for graph, values, got, _ in outcomes:
        assert_agree(graph, [got], simulate.run(graph, values), BOARD)
    for place, least in enumerate(OPERATORS.values()):
        assert sum(served for *_, served in outcomes[place * DRAWN : (place + 1) * DRAWN]) >= least


@pytest.mark.emulator
def test_halves_have_the_bytes_of_portable_c(tmp_path: Path) -> None:
    """Values that round at every step of a sum in half precision."""
    graphs = [convolution(*shape) for shape in (*SHAPES, *WIDER)]
    ours, portable = run(graphs, tmp_path / "unit"), run(graphs, tmp_path / "portable", ("scalar",))
    for (_, _, got, served), (_, _, want, _) in zip(ours, portable, strict=True):
        assert served
        assert np.array_equal(got.view(np.uint16), want.view(np.uint16))
