# SPDX-License-Identifier: Apache-2.0
"""DSP kernels under QEMU: the reference's bytes for drawn layers and shapes that reach every path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from intarsia import ops, simulate
from intarsia.ir import Graph, Quantization
from intarsia.ops import _cases
from intarsia.ops.fully_connected import FullyConnectedAttrs
from support import harness
from support.agree import assert_agree
from support.draw import SeededDraw, sample
from support.layers import layer, long_means

OPERATORS = (
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "FULLY_CONNECTED",
    "AVERAGE_POOL_2D",
    "MAX_POOL_2D",
    "ADD",
    "MUL",
    "MEAN",
)
DRAWN = 12
M4 = "qemu-cortex-m4"
SISTERS = ("qemu-cortex-m7", "qemu-cortex-m33")


def run(graphs: Sequence[Graph], folder: Path, *, generated: int, board: str = M4) -> list[str]:
    """Compares; at least `generated` layers must be DSP kernels. Returns names of all generated sources."""
    random = np.random.default_rng(7)
    samples = [[[sample(g.tensor(i), random) for i in g.inputs] for _ in range(2)] for g in graphs]
    outcomes = harness.run_cases(graphs, samples, folder, board=board, isas=("dsp", "scalar"))
    for graph, inputs, outcome in zip(graphs, samples, outcomes, strict=True):
        for values, got in zip(inputs, outcome.outputs, strict=True):
            assert_agree(graph, got, simulate.run(graph, values), board)
    kernels = [kernel for o in outcomes for layer in o.program.layers for kernel in layer.kernels]
    assert sum(kernel.isa == "dsp" for kernel in kernels) >= generated
    return [source.name for kernel in kernels if kernel.generated for source in kernel.generated.sources]


def drawn(operator: str, count: int, rule: str = "tflm") -> list[Graph]:
    """Supported int8 cases of an operator's own generator."""
    found: list[Graph] = []
    seed = 0
    while len(found) < count:
        graph = ops.registry()[operator].cases(SeededDraw(seed)).replace(rule=rule)
        seed += 1
        integer = graph.tensor(graph.inputs[0]).dtype.name == "int8"
        if integer and ops.registry()[operator].unsupported(graph.nodes[0], graph) is None:
            found.append(graph)
    return found


@pytest.mark.emulator
@pytest.mark.parametrize("operator", OPERATORS)
def test_drawn_layers(operator: str, tmp_path: Path) -> None:
    run(drawn(operator, DRAWN), tmp_path, generated=DRAWN // 2 if operator != "DEPTHWISE_CONV_2D" else 4)


@pytest.mark.emulator
def test_long_means(tmp_path: Path) -> None:
    run(long_means(), tmp_path, generated=5)


@pytest.mark.emulator
def test_fully_connected_rounded_once(tmp_path: Path) -> None:
    run(drawn("FULLY_CONNECTED", DRAWN, "litert"), tmp_path, generated=DRAWN // 2)


CONVOLUTIONS: tuple[tuple[tuple[int, ...], tuple[int, int], int, dict[str, Any]], ...] = (
    ((1, 5, 4, 16), (1, 1), 8, {"activation": "RELU"}),
    ((2, 3, 3, 7), (1, 1), 5, {"activation": "RELU6"}),
    ((1, 1, 3, 9), (1, 1), 3, {}),
    ((1, 3, 3, 4), (1, 1), 1, {}),
    ((1, 7, 5, 36), (1, 1), 6, {"stride": (2, 2)}),
    ((1, 6, 6, 2), (1, 1), 6, {"stride": (1, 2)}),
    ((1, 6, 5, 16), (3, 3), 6, {"activation": "RELU"}),
    ((1, 7, 9, 3), (3, 3), 8, {"stride": (2, 2), "activation": "RELU"}),
    ((2, 7, 7, 5), (3, 3), 4, {"padding": "VALID"}),
    ((1, 3, 2, 8), (3, 3), 4, {}),
    ((1, 9, 8, 4), (3, 3), 4, {"dilation": (2, 1)}),
    ((1, 9, 8, 4), (3, 3), 4, {"dilation": (1, 2)}),
    ((1, 13, 6, 1), (10, 4), 7, {"stride": (2, 2)}),
    ((1, 6, 6, 1), (3, 3), 4, {}),
    ((1, 7, 5, 3), (1, 1), 4, {"stride": (2, 1)}),
    ((1, 5, 9, 1), (2, 2), 3, {"stride": (1, 2), "padding": "VALID", "weights_zero": 3}),
    ((2, 4, 3, 1), (5, 1), 4, {"dilation": (1, 2)}),
    ((1, 30, 1, 10), (3, 1), 8, {"padding": "VALID"}),
    ((2, 4, 5, 6), (4, 5), 9, {"padding": "VALID"}),
    ((1, 1, 1, 12), (3, 3), 4, {}),
    ((1, 4, 4, 100), (1, 1), 4, {"activation": "RELU"}),
)


@pytest.mark.emulator
def test_convolution_shapes(tmp_path: Path) -> None:
    graphs = [layer("CONV_2D", s, k, c, i, **rest) for i, (s, k, c, rest) in enumerate(CONVOLUTIONS)]
    names = run(graphs, tmp_path, generated=len(graphs))
    assert any("pack4h_3x9" in name for name in names)
    assert any("gemv4h" in name for name in names)


DEPTHWISE: tuple[tuple[tuple[int, ...], tuple[int, int], dict[str, Any]], ...] = (
    ((1, 12, 24, 8), (3, 3), {"activation": "RELU"}),
    ((2, 5, 5, 6), (3, 3), {"activation": "RELU"}),
    ((1, 2, 1, 4), (3, 3), {}),
    ((1, 1, 6, 4), (3, 3), {}),
    ((1, 9, 13, 5), (3, 3), {"padding": "VALID", "activation": "RELU6"}),
    ((1, 3, 3, 16), (3, 3), {"activation": "RELU"}),
    ((1, 12, 12, 8), (3, 3), {"stride": (2, 2), "activation": "RELU"}),
    ((2, 7, 9, 7), (3, 3), {"stride": (2, 2)}),
    ((1, 1, 1, 4), (3, 3), {"stride": (2, 2)}),
    ((1, 8, 8, 4), (3, 3), {"stride": (2, 2), "padding": "VALID", "activation": "RELU_N1_TO_1"}),
    ((1, 4, 120, 64), (3, 3), {"activation": "RELU"}),
    ((1, 70, 24, 4), (3, 3), {"activation": "RELU"}),
    ((1, 8, 8, 5), (5, 5), {"activation": "RELU"}),
    ((1, 7, 8, 12), (7, 7), {"stride": (2, 2)}),
    ((1, 9, 9, 4), (3, 3), {"dilation": (2, 2)}),
    ((1, 6, 6, 9), (3, 3), {"stride": (1, 2)}),
    ((1, 20, 1, 8), (5, 1), {"padding": "VALID"}),
    ((1, 6, 6, 4), (1, 1), {"padding": "VALID"}),
    ((1, 4, 7, 1000), (3, 3), {}),
    ((1, 5, 9, 1400), (3, 3), {"stride": (2, 2)}),
)


@pytest.mark.emulator
def test_depthwise_shapes(tmp_path: Path) -> None:
    graphs = [layer("DEPTHWISE_CONV_2D", s, k, s[3], i, **rest) for i, (s, k, rest) in enumerate(DEPTHWISE)]
    graphs.append(layer("DEPTHWISE_CONV_2D", (1, 6, 8, 1), (3, 3), 8, 40, activation="RELU"))
    names = run(graphs, tmp_path, generated=len(graphs))
    assert any("itr_dsp_depthwise_s1" in name for name in names)
    assert any("itr_dsp_depthwise_s2" in name for name in names)
    assert any("itr_dsp_taps" in name for name in names)


def dead(shape: tuple[int, ...], channels: int, seed: int) -> Graph:
    """A 1x1 layer most of whose channels cannot leave the lowest code."""
    graph = layer("CONV_2D", shape, (1, 1), channels, seed, activation="RELU", out_scale=0.05, out_zero=-128)
    weights = graph.required(graph.nodes[0], 1)
    scales = tuple(1e-9 if c % 3 else 0.004 for c in range(channels))
    changed = [
        Quantization(tuple(float(np.float32(graph.tensors[0].scale * s)) for s in scales), (0,) * channels, 0)
        if t is graph.required(graph.nodes[0], 2)
        else t.quant
        for t in graph.tensors
    ]
    tensors = [
        type(t)(
            t.name, t.shape, t.dtype, Quantization(scales, (0,) * channels, 0) if t is weights else q, t.data
        )
        for t, q in zip(graph.tensors, changed, strict=True)
    ]
    return graph.replace(tensors=tuple(tensors))


@pytest.mark.emulator
def test_extreme_numbers(tmp_path: Path) -> None:
    """Weights and accumulators that the short formats do not hold, scales that no short form fits."""
    spread = tuple(0.02 * 2.0**-k for k in (0, 13, 3, 12, 7, 9, 1, 5))
    conv, depthwise = "CONV_2D", "DEPTHWISE_CONV_2D"
    graphs = [
        layer(conv, (1, 4, 4, 12), (1, 1), 6, 1, weights_range=(-128, 127)),
        layer(conv, (1, 2, 3, 300), (1, 1), 4, 2, weights_range=(120, 127), out_scale=30.0),
        layer(conv, (1, 1, 1, 2000), (1, 1), 4, 3, weights_range=(-128, -120), out_scale=90.0),
        layer(conv, (1, 4, 4, 8), (3, 3), 4, 4, weights_zero=-37, weights_range=(-128, 127)),
        layer(conv, (1, 4, 4, 8), (1, 1), 8, 5, scales=spread, out_scale=0.03, out_zero=9),
        layer(
            conv, (1, 4, 4, 8), (1, 1), 8, 6, scales=spread, out_scale=0.03, out_zero=9, activation="RELU6"
        ),
        layer(conv, (1, 3, 4, 4), (1, 1), 4, 7, scales=(0.5,), out_scale=0.004, out_zero=0),
        layer(depthwise, (1, 4, 4, 8), (3, 3), 8, 8, weights_zero=-128, weights_range=(-128, 127)),
        layer(depthwise, (1, 4, 4, 8), (3, 3), 8, 9, scales=spread, out_scale=0.03, out_zero=9),
        layer(
            depthwise, (1, 5, 4, 8), (3, 3), 8, 10, scales=spread, out_scale=0.03, out_zero=9, stride=(2, 2)
        ),
        layer(depthwise, (1, 5, 4, 8), (5, 3), 8, 11, scales=spread, out_scale=0.03, out_zero=9),
        dead((1, 4, 5, 32), 24, 12),
        dead((1, 1, 3, 16), 40, 13),
        dead((1, 4, 4, 32), 2, 14),
    ]
    names = run(graphs, tmp_path, generated=len(graphs))
    for part in ("gemm4w", "exact", "scattered"):
        assert any(part in name for name in names), part


@pytest.mark.emulator
def test_fully_connected_shapes(tmp_path: Path) -> None:
    graphs = []
    for seed, (batch, columns, units) in enumerate(
        ((1, 1, 1), (2, 3, 2), (1, 4, 4), (3, 5, 7), (1, 31, 8), (1, 64, 10), (2, 72, 12), (1, 200, 3))
    ):
        case = _cases.Case(SeededDraw(seed))
        x = case.input((batch, columns), "int8")
        weights = case.weights(x, (units, columns), axis=None)
        inputs = [x, weights, case.bias(x, weights, units)]
        attrs = FullyConnectedAttrs("RELU" if seed % 2 else "NONE")
        graphs.append(case.graph(ops.registry()["FULLY_CONNECTED"], inputs, attrs))
    run(graphs, tmp_path, generated=len(graphs))


@pytest.mark.emulator
@pytest.mark.parametrize("board", SISTERS)
def test_sister_cores(board: str, tmp_path: Path) -> None:
    """The same code on other cores with the extension."""
    graphs = [layer("CONV_2D", s, k, c, i, **rest) for i, (s, k, c, rest) in enumerate(CONVOLUTIONS[:8])]
    graphs += [
        layer("DEPTHWISE_CONV_2D", s, k, s[3], i, **rest) for i, (s, k, rest) in enumerate(DEPTHWISE[:8])
    ]
    graphs += [graph for name in OPERATORS[2:] for graph in drawn(name, 2)]
    run(graphs, tmp_path, generated=16, board=board)
