# SPDX-License-Identifier: Apache-2.0
"""Between layers of integers and layers in half precision: halves from codes and codes from halves, the same bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from intarsia import simulate
from intarsia.dtypes import FLOAT16, INT8
from intarsia.ir import Attrs, Graph, Node, Quantization, Tensor
from support import harness
from support.agree import assert_agree

SCALES = ((0.5, 0), (0.0078125, -128), (300.0, 127), (1e-6, 5), (0.37, -3))


def graph(op: str, scale: float, zero: int) -> Graph:
    codes, halves = Tensor("c", (1, 67), INT8, Quantization((scale,), (zero,))), Tensor("h", (1, 67), FLOAT16)
    tensors = (halves, codes) if op == "QUANTIZE" else (codes, halves)
    return Graph("case", tensors, (Node(op, (0,), (1,), Attrs(), "layer"),), (0,), (1,)).verify()


def values(op: str, scale: float) -> list[list[np.ndarray]]:
    random = np.random.default_rng(5)
    if op == "DEQUANTIZE":
        return [[random.integers(-128, 128, (1, 67)).astype(np.int8)] for _ in range(2)]
    ties = (np.arange(-30, 30) + 0.5) * scale
    edges = [np.nan, np.inf, -np.inf, -0.0, 6e-8, 65504.0, -65504.0]
    spread = random.normal(0, 60 * scale, (1, 67))
    with np.errstate(over="ignore"):
        return [[np.array([[*ties, *edges]]).astype(np.float16)], [spread.astype(np.float16)]]


@pytest.mark.emulator
@pytest.mark.parametrize("board", ["host", "qemu-cortex-m4", "qemu-cortex-m55", "qemu-riscv32"])
def test_codes_and_halves(board: str, tmp_path: Path) -> None:
    cases = [(op, *scale) for op in ("QUANTIZE", "DEQUANTIZE") for scale in SCALES]
    graphs = [graph(*case) for case in cases]
    samples = [values(op, scale) for op, scale, _ in cases]
    outcomes = harness.run_cases(graphs, samples, tmp_path, board=board)
    for one, inputs, outcome in zip(graphs, samples, outcomes, strict=True):
        for given, got in zip(inputs, outcome.outputs, strict=True):
            assert_agree(one, got, simulate.run(one, given), board)
    if board == "qemu-cortex-m55":
        assert {k.isa for o in outcomes for step in o.program.layers for k in step.kernels} == {"mvef"}
