# SPDX-License-Identifier: Apache-2.0
"""Portable C of every operator on cores without SIMD: the reference's bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from intarsia import ops, simulate
from support import harness
from support.agree import assert_agree
from support.draw import SeededDraw, sample

pytestmark = pytest.mark.emulator

CASES = 2


@pytest.mark.parametrize("board", ["qemu-cortex-m3", "qemu-riscv32", "qemu-riscv32-v"])
def test_every_operator(board: str, tmp_path: Path) -> None:
    graphs = [
        operator.cases(SeededDraw(seed))
        for _, operator in sorted(ops.registry().items())
        for seed in range(CASES)
    ]
    random = np.random.default_rng(3)
    samples = [[[sample(graph.tensor(i), random) for i in graph.inputs]] for graph in graphs]
    outcomes = harness.run_cases(graphs, samples, tmp_path, board=board, isas=["scalar"])
    for graph, (values,), outcome in zip(graphs, samples, outcomes, strict=True):
        assert_agree(graph, outcome.outputs[0], simulate.run(graph, values), f"portable C on {board}")
