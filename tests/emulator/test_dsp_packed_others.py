# SPDX-License-Identifier: Apache-2.0
"""Pooling and dense layers below 8 bits for Arm's DSP extension: the reference's bytes, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from intarsia import ops, simulate
from intarsia.dtypes import BY_BITS, INT32
from intarsia.ir import Attrs, Graph, Node, Quantization, Tensor
from intarsia.ops.fully_connected import FullyConnectedAttrs
from support import harness
from support.agree import assert_agree
from support.packed import narrow_case, samples

M4 = "qemu-cortex-m4"
TICKS_PER_INSTRUCTION = 6.4
BITS = (8, 4, 2)
POOLS = ("MAX_POOL_2D", "AVERAGE_POOL_2D")


def dense(columns: int, units: int, bits: int) -> Graph:
    """A FULLY_CONNECTED layer, all of `bits`; the lowest code is no weight, as in int8 models."""
    random, kind = np.random.default_rng(columns + units), BY_BITS[bits]
    low, high = kind.range
    data = random.integers(low + 1, high, (units, columns), endpoint=True).astype(np.int8)
    bias = random.integers(-200, 200, units).astype(np.int32)
    scale = float(np.float32(0.02 * np.sqrt(columns) * (high - low)))
    tensors = (
        Tensor("x", (1, columns), kind, Quantization((1.0,), (0,))),
        Tensor("w", data.shape, kind, Quantization((0.02,), (0,)), data),
        Tensor("b", (units,), INT32, Quantization((0.02,), (0,)), bias),
        Tensor("y", (1, units), kind, Quantization((scale,), (0,))),
    )
    return _layer("FULLY_CONNECTED", FullyConnectedAttrs(), tensors)


def pool(name: str, bits: int, window: int, stride: int, shape: tuple[int, int, int, int]) -> Graph:
    """A pooling layer with maps of `bits`, rounded as int8 layers are."""
    quantization = Quantization((0.5,), (1,))
    attrs = ops.registry()[name].attrs("SAME", (stride, stride), (window, window), "RELU")  # type: ignore[attr-defined]
    x = Tensor("x", shape, BY_BITS[bits], quantization)
    (made,) = ops.registry()[name].infer(
        Node(name, (0,), (1,), attrs, "layer"), Graph("case", (x,), (), (), ())
    )
    return _layer(name, attrs, (x, Tensor("y", made, BY_BITS[bits], quantization)))


def _layer(name: str, attrs: Attrs, tensors: tuple[Tensor, ...]) -> Graph:
    output = len(tensors) - 1
    node = Node(name, tuple(range(output)), (output,), attrs, "layer")
    graph = Graph("case", tensors, (node,), (0,), (output,)).verify()
    assert ops.registry()[name].unsupported(node, graph) is None
    return graph


def run(graphs: Sequence[Graph], folder: Path) -> tuple[list[int], int]:
    """Compares; returns instructions of the first sample of each graph, and how many kernels use the extension."""
    inputs = [samples(graph, seed) for seed, graph in enumerate(graphs)]
    outcomes = harness.run_cases(graphs, inputs, folder, board=M4, isas=("dsp", "scalar"))
    for graph, xs, outcome in zip(graphs, inputs, outcomes, strict=True):
        for values, got in zip(xs, outcome.outputs, strict=True):
            assert_agree(graph, got, simulate.run(graph, values), M4)
    kernels = [kernel for o in outcomes for layer in o.program.layers for kernel in layer.kernels]
    counts = [round(outcome.ticks[0] / TICKS_PER_INSTRUCTION) for outcome in outcomes]
    return counts, sum(kernel.isa == "dsp" for kernel in kernels)


@pytest.mark.emulator
@pytest.mark.parametrize("name", POOLS)
def test_drawn_pools(name: str, tmp_path: Path) -> None:
    """Random windows and widths; outputs of another scale take the portable kernel."""
    _, generated = run([narrow_case(ops.registry()[name], seed) for seed in range(16)], tmp_path)
    assert generated >= 1


@pytest.mark.emulator
@pytest.mark.parametrize("name", POOLS)
def test_pools(name: str, tmp_path: Path) -> None:
    """Odd channels, borders, several strips; what layers cost against int8."""
    shapes = [(1, 5, 7, 7), (2, 9, 4, 12), (1, 40, 24, 10)]
    _, generated = run(
        [pool(name, bits, 3, s, shape) for bits in (4, 2) for s in (1, 2) for shape in shapes], tmp_path
    )
    assert generated == 4 * len(shapes)


LEAST = {"MAX_POOL_2D": 1.15, "AVERAGE_POOL_2D": 0.7}
"""Instructions of int8 to those of ours, at least."""

LAYERS = ((2, 2, (1, 16, 16, 32)), (3, 1, (1, 8, 8, 64)), (7, 7, (1, 7, 7, 64)))
"""Window, stride and input of the pooling layers that costs are measured on."""


@pytest.mark.emulator
@pytest.mark.parametrize("name", POOLS)
def test_costs_of_pools(name: str, tmp_path: Path) -> None:
    counts, _ = run([pool(name, bits, *layer) for layer in LAYERS for bits in BITS], tmp_path)
    for layer, ratios in zip(LAYERS, ratios_of(counts), strict=True):
        print(name, layer, ratios)
        assert min(ratios) >= LEAST[name]


DENSE = {(64, 10): 0.68, (256, 64): 0.9, (30, 7): 0.5}
"""Columns and units, and instructions of int8 to those of ours, at least."""


@pytest.mark.emulator
def test_costs_of_dense_layers(tmp_path: Path) -> None:
    counts, generated = run([dense(*sizes, bits) for sizes in DENSE for bits in BITS], tmp_path)
    assert generated == len(counts)
    for sizes, ratios in zip(DENSE, ratios_of(counts), strict=True):
        print("dense", sizes, ratios)
        assert min(ratios) >= DENSE[sizes]


def ratios_of(counts: Sequence[int]) -> list[list[float]]:
    """For each layer, instructions of int8 to those of the other widths."""
    return [
        [counts[i] / count for count in counts[i + 1 : i + len(BITS)]]
        for i in range(0, len(counts), len(BITS))
    ]
