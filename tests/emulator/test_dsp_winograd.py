# SPDX-License-Identifier: Apache-2.0
"""Winograd kernels under QEMU: the reference's bytes at every edge, and when they are chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from intarsia import simulate
from intarsia.ir import Graph
from intarsia.request import Objective
from intarsia_codegen.lower import lower
from support import harness
from support.agree import assert_agree
from support.draw import sample
from support.layers import layer

ISAS = ("dsp", "scalar")
KERNEL = "itr_dsp_winograd.c"

LAYERS: tuple[tuple[int, tuple[int, ...], int, dict[str, Any]], ...] = (
    (1, (1, 16, 16, 16), 16, {"weights_range": (-90, 90), "out_scale": 20.0, "out_zero": -128}),
    (1, (1, 8, 8, 32), 32, {"out_scale": 2.1, "out_zero": 5}),  # runs of the exact form
    (2, (1, 8, 8, 32), 32, {"out_scale": 2.1, "out_zero": 5}),  # the sign form
    (2, (1, 9, 11, 32), 32, {"out_scale": 2.0, "out_zero": 127}),  # blocks that overlap on both sides
    (4, (2, 5, 18, 24), 30, {"padding": "VALID", "out_scale": 1.5, "out_zero": -100}),
    (5, (1, 8, 9, 80), 16, {"out_scale": 4.0, "out_zero": -128}),  # most channels
    (5, (1, 2, 8, 28), 34, {"out_scale": 1.5, "out_zero": 0}),
    (7, (1, 8, 8, 32), 32, {"weights_range": (-128, -128), "out_scale": 40.0, "out_zero": 0}),
    (8, (1, 8, 8, 32), 32, {"weights_range": (-4, 4), "scales": (0.01, 0.02) * 16, "out_scale": 0.001}),
)
"""Seed, shape of the input, output channels, and what else is chosen."""


def sources(graph: Graph, objective: Objective) -> list[str]:
    """Names of the sources of the first layer's kernel."""
    kernel = lower(graph, ISAS, objective=objective).layers[0].kernels[0]
    assert kernel.generated is not None
    return [source.name for source in kernel.generated.sources]


@pytest.mark.emulator
def test_same_bytes(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    graphs = [layer("CONV_2D", shape, (3, 3), c, seed, **rest) for seed, shape, c, rest in LAYERS]
    assert all(KERNEL in sources(graph, Objective.SPEED) for graph in graphs)
    samples = [[[sample(g.tensor(i), random) for i in g.inputs] for _ in range(3)] for g in graphs]
    for graph, inputs in zip(graphs, samples, strict=True):
        shape = graph.tensor(graph.inputs[0]).shape
        inputs += [[np.full(shape, code, np.int8)] for code in (-128, 127)]
    outcomes = harness.run_cases(
        graphs, samples, tmp_path, board="qemu-cortex-m4", isas=ISAS, objective=Objective.SPEED
    )
    for graph, inputs, outcome in zip(graphs, samples, outcomes, strict=True):
        for values, got in zip(inputs, outcome.outputs, strict=True):
            assert_agree(graph, got, simulate.run(graph, values), "qemu-cortex-m4")


def test_only_speed_takes_the_larger_weights() -> None:
    graph = layer("CONV_2D", (1, 8, 8, 32), (3, 3), 32, 1, out_scale=2.1, out_zero=5)
    assert KERNEL in sources(graph, Objective.SPEED)
    assert KERNEL not in sources(graph, Objective.BALANCED)
    assert KERNEL not in sources(graph, Objective.SIZE)


@pytest.mark.parametrize(
    ("shape", "rest"),
    [
        ((1, 16, 16, 16), {"stride": (2, 2)}),
        ((1, 16, 16, 16), {"dilation": (2, 2)}),
        ((1, 16, 7, 16), {}),
        ((1, 16, 16, 10), {}),
        ((1, 16, 16, 84), {}),
    ],
)
def test_other_shapes_are_left_to_the_matrix_product(shape: tuple[int, ...], rest: dict[str, Any]) -> None:
    assert KERNEL not in sources(layer("CONV_2D", shape, (3, 3), 8, 0, **rest), Objective.SPEED)


def test_size_prefers_code_that_is_shared() -> None:
    graph = layer("DEPTHWISE_CONV_2D", (1, 12, 12, 16), (3, 3), 16, 0)
    assert any("depthwise_s1" in name for name in sources(graph, Objective.BALANCED))
    assert "itr_dsp_taps.S" in sources(graph, Objective.SIZE)
