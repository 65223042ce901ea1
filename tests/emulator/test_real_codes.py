# SPDX-License-Identifier: Apache-2.0
"""QUANTIZE of real values without floating-point arithmetic: exact at every value where a code changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from intarsia import ops, simulate
from intarsia.dtypes import FLOAT32, INT8
from intarsia.ir import Graph, Node, Quantization, Tensor
from intarsia.ops.quantize import real_codes
from intarsia_codegen import realcodes
from support import harness
from support.agree import assert_agree

SCALES = ((0.0078125, -1), (0.1, 0), (3.7e-3, -128), (1.9, 127), (2.5e-39, 5), (3e36, -7))
SPECIAL = (0.0, -0.0, np.nan, -np.nan, np.inf, -np.inf, 1e-45, -1e-45, 3.4e38, -3.4e38)
BOARDS = [
    ("host", "blocked"),
    pytest.param("qemu-cortex-m3", "blocked", marks=pytest.mark.emulator),
    pytest.param("qemu-riscv32-v", "rvv", marks=pytest.mark.emulator),
]


def edges(scale: float, zero: int) -> np.ndarray:
    """Values on both sides of every change of the code, special ones, and NaN of all kinds."""
    keys = realcodes.thresholds(lambda x: real_codes(x, scale, zero, INT8.range)).astype(np.int64)
    keys = np.clip(np.concatenate([keys - 1, keys, keys + 1]), realcodes.LEAST_KEY, realcodes.LARGEST_KEY)
    odd = np.array([0x7F800001, 0x7FFFFFFF, -0x7FFFFF, -1], np.int32).view(np.float32)
    return np.concatenate([realcodes.values_of(keys), np.array(SPECIAL, np.float32), odd])


def quantize(size: int, scale: float, zero: int) -> Graph:
    quant = Quantization((float(np.float32(scale)),), (zero,))
    tensors = (Tensor("x", (size,), FLOAT32), Tensor("y", (size,), INT8, quant))
    attrs = ops.registry()["QUANTIZE"].attrs()
    return Graph("quantize", tensors, (Node("QUANTIZE", (0,), (1,), attrs),), (0,), (1,)).verify()


@pytest.mark.parametrize(("board", "isa"), BOARDS)
def test_every_change_of_the_code(board: str, isa: str, tmp_path: Path) -> None:
    values = [edges(float(np.float32(scale)), zero) for scale, zero in SCALES]
    graphs = [quantize(x.size, scale, zero) for x, (scale, zero) in zip(values, SCALES, strict=True)]
    outcomes = harness.run_cases(graphs, [[[x]] for x in values], tmp_path, board=board, isas=(isa, "scalar"))
    for graph, x, outcome in zip(graphs, values, outcomes, strict=True):
        assert outcome.program.layers[0].kernels[0].isa == isa
        assert_agree(graph, outcome.outputs[0], simulate.run(graph, [x]), board)


@pytest.mark.parametrize(("scale", "zero"), SCALES)
def test_thresholds_tell_the_code_of_any_value(scale: float, zero: int) -> None:
    scale = float(np.float32(scale))
    table = realcodes.thresholds(lambda x: real_codes(x, scale, zero, INT8.range))
    assert (np.diff(table.astype(np.int64)) >= 0).all()
    keys = np.random.default_rng(1).integers(-0x7F800001, 0x7F800001, 20000)
    found = np.searchsorted(table, keys, side="right") - 128
    assert np.array_equal(found, real_codes(realcodes.values_of(keys), scale, zero, INT8.range))
