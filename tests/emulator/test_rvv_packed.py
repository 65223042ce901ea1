# SPDX-License-Identifier: Apache-2.0
"""RISC-V vector kernels below 8 bits under QEMU: the reference's bytes, and what they cost against the int8 kernels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from intarsia import ops, simulate
from intarsia.ir import Graph
from support import harness
from support.agree import assert_agree
from support.narrowlayers import LAYERS, SHAPES, WIDTHS, Case, samples_of
from support.packed import narrow_case, samples

BOARD = "qemu-riscv32-v"


def run(
    graphs: Sequence[Graph], inputs: Sequence[Sequence[Sequence[np.ndarray]]], folder: Path
) -> tuple[list[int], int]:
    """Compares; returns instructions of each graph's first sample, and how many kernels use vectors."""
    outcomes = harness.run_cases(graphs, inputs, folder, board=BOARD, isas=("rvv", "scalar"))
    for graph, xs, outcome in zip(graphs, inputs, outcomes, strict=True):
        for values, got in zip(xs, outcome.outputs, strict=True):
            assert_agree(graph, got, simulate.run(graph, values), BOARD)
    kernels = [kernel for o in outcomes for layer in o.program.layers for kernel in layer.kernels]
    return [outcome.ticks[0] for outcome in outcomes], sum(kernel.isa == "rvv" for kernel in kernels)


def convolutions(cases: Sequence[Case], folder: Path) -> tuple[list[int], int]:
    graphs = [case.graph(seed) for seed, case in enumerate(cases)]
    return run(graphs, [samples_of(graph, seed) for seed, graph in enumerate(graphs)], folder)


@pytest.mark.emulator
def test_convolutions(tmp_path: Path) -> None:
    """Every shape with two of the widths; weights with a zero point are left to portable C."""
    widths = (*WIDTHS, (4, 8, 4), (8, 4, 4), (8, 8, 2), (8, 2, 8), (4, 8, 8), (2, 8, 8))
    cases = [Case(s, k, c, w, o) for i, (s, k, c, o) in enumerate(SHAPES) for w in widths[i % 6 :: 6]]
    others = sum("weights_zero" in case.options for case in cases)
    assert convolutions(cases, tmp_path)[1] == len(cases) - others


@pytest.mark.emulator
def test_drawn_layers(tmp_path: Path) -> None:
    """Random widths, mixed ones too; layers without a kernel of ours take the portable one."""
    operators = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD")
    graphs = [narrow_case(ops.registry()[operator], seed) for operator in operators for seed in range(8)]
    inputs = [samples(graph, seed) for seed, graph in enumerate(graphs)]
    assert run(graphs, inputs, tmp_path)[1] >= 8


@pytest.mark.emulator
@pytest.mark.parametrize("layer", LAYERS)
def test_instructions(layer: str, tmp_path: Path) -> None:
    """Fewer bits save memory; the vectors' products are those of int8."""
    widths = [(8, 8, 8), (4, 8, 8), (4, 4, 4), (2, 2, 2)]
    counts, _ = convolutions([Case(*LAYERS[layer], w, {"trained": True}) for w in widths], tmp_path)
    ratios = [counts[0] / count for count in counts]
    print(layer, dict(zip(widths, ratios, strict=True)))
    assert min(ratios) >= 0.94
