# SPDX-License-Identifier: Apache-2.0
"""Depthwise layers below 8 bits for Arm's DSP extension: the reference's bytes, and what they cost against int8."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from intarsia import ops, simulate
from intarsia.dtypes import BY_BITS, INT32
from intarsia.ir import Graph, Node, Quantization, Tensor
from intarsia.ops.depthwise_conv_2d import DepthwiseConv2DAttrs
from intarsia.plan import patch
from intarsia.plan.head import heads
from support import harness
from support.agree import assert_agree

M4 = "qemu-cortex-m4"
TICKS_PER_INSTRUCTION = 6.4

Widths = tuple[int, int, int]
WIDTHS: tuple[Widths, ...] = (
    (4, 4, 4),
    (8, 4, 4),
    (8, 8, 4),
    (8, 4, 8),
    (4, 8, 8),
    (2, 2, 2),
    (4, 4, 2),
    (4, 2, 4),
)
"""Of weights, input and output."""

SHAPES: tuple[tuple[tuple[int, int, int, int], dict[str, Any]], ...] = (
    ((1, 6, 9, 8), {"activation": "RELU", "zero": 0}),
    ((2, 5, 5, 12), {"zero": 1}),
    ((1, 9, 9, 16), {"stride": (2, 2)}),
    ((1, 8, 11, 4), {"stride": (2, 2), "padding": "VALID", "zero": -1}),
    ((1, 3, 2, 40), {"activation": "RELU", "zero": -1}),
    ((1, 6, 7, 6), {"padding": "VALID"}),
    ((1, 70, 24, 8), {}),
)


def layer(
    shape: tuple[int, int, int, int],
    widths: Widths,
    seed: int,
    *,
    zero: int | None = None,
    in_zero: int | None = None,
    **options: Any,
) -> Graph:
    """Random weights with all-lowest and all-highest channels; output codes that are all reached."""
    random = np.random.default_rng(seed)
    weight, source, target = (BY_BITS[bits] for bits in widths)
    channels, (low, high) = shape[3], weight.range
    data = random.integers(low, high, (1, 3, 3, channels), endpoint=True).astype(np.int8)
    data[..., 0], data[..., 1] = low, high
    scales = tuple(float(np.float32(0.01 * random.uniform(0.5, 2))) for _ in range(channels))
    spread = 0.3 * (high - low + 1) * 2.0**source.bits
    bias = random.integers(-int(spread), int(spread) + 1, channels).astype(np.int32)
    if in_zero is None:
        in_zero = int(random.integers(*source.range, endpoint=True))
    tensors = (
        Tensor("x", shape, source, Quantization((1.0,), (in_zero,))),
        Tensor("w", data.shape, weight, Quantization(scales, (0,) * channels, 3), data),
        Tensor("b", (channels,), INT32, Quantization(scales, (0,) * channels, 0), bias),
    )
    node = Node("DEPTHWISE_CONV_2D", (0, 1, 2), (3,), DepthwiseConv2DAttrs(**options), "layer")
    operator = ops.registry()[node.op]
    (made,) = operator.infer(node, Graph("case", tensors, (), (), ()))
    scale = float(np.float32(0.01 * spread / 2.0 ** (target.bits - 1)))
    output = Tensor("y", made, target, Quantization((scale,), (target.range[0] if zero is None else zero,)))
    graph = Graph("case", (*tensors, output), (node,), (0,), (3,)).verify()
    assert operator.unsupported(node, graph) is None
    return graph


def run(
    graphs: Sequence[Graph], folder: Path, grids: Sequence[tuple[int, int]] = ()
) -> tuple[list[int], set[str]]:
    """Compares random and extreme samples; returns instructions of the first of each, and names of sources.

    With `grids` each graph is cut into patches behind its layer.
    """
    samples = []
    for seed, graph in enumerate(graphs):
        random, tensor = np.random.default_rng(seed), graph.tensor(0)
        low, high = tensor.dtype.range
        ends = [np.full(tensor.shape, low, np.int8), random.choice([low, high], tensor.shape).astype(np.int8)]
        samples.append(
            [[x] for x in (random.integers(low, high, tensor.shape, endpoint=True).astype(np.int8), *ends)]
        )
    plans = [
        patch.plan_of(g, heads(g)[-1].split_after, grid, "arena")
        for g, grid in zip(graphs, grids, strict=False)
    ]
    outcomes = harness.run_cases(
        graphs, samples, folder, board=M4, isas=("dsp", "scalar"), plans=plans or None
    )
    for graph, inputs, outcome in zip(graphs, samples, outcomes, strict=True):
        for values, got in zip(inputs, outcome.outputs, strict=True):
            assert_agree(graph, got, simulate.run(graph, values), M4)
    kernels = [kernel for o in outcomes for layer in o.program.layers for kernel in layer.kernels]
    names = {source.name for k in kernels if k.generated for source in k.generated.sources}
    return [round(outcome.ticks[0] / TICKS_PER_INSTRUCTION) for outcome in outcomes], names


@pytest.mark.emulator
@pytest.mark.parametrize("widths", WIDTHS)
def test_planes(widths: Widths, tmp_path: Path) -> None:
    """Borders, strides, odd sizes, several strips, limits inside the range, channels that end within a byte."""
    _, names = run(
        [layer(shape, widths, i, **options) for i, (shape, options) in enumerate(SHAPES)], tmp_path
    )
    planes = "itr_dsp_planes" if widths[1] == 8 else f"itr_dsp_planes{widths[1]}_"
    assert any(name.startswith(planes) for name in names)


@pytest.mark.emulator
def test_branches(tmp_path: Path) -> None:
    """Patches share the code; each branch has its own extents and borders."""
    cases = [((1, 12, 17, 8), (2, 3), {}), ((1, 11, 10, 12), (3, 2), {"stride": (2, 2)})]
    graphs = [layer(s, w, i, **o) for i, w in enumerate(WIDTHS) for s, _, o in cases]
    _, names = run(graphs, tmp_path, [grid for _ in WIDTHS for _, grid, _ in cases])
    assert any(name.startswith("itr_dsp_planes4_lany") for name in names)


CHAINS: tuple[tuple[tuple[int, int, int, int], dict[str, Any]], ...] = tuple(
    ((1 + width % 2, 3 + width % 5, width, 5 + width), {"padding": padding, **options})
    for width in range(2, 17)
    for padding, options in (("SAME", {}), ("VALID", {"activation": "RELU", "zero": 0}))
    if width > 2 or padding == "SAME"
)


@pytest.mark.emulator
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("weight_bits", [4, 2])
def test_products_of_polynomials(weight_bits: int, stride: int, tmp_path: Path) -> None:
    """All ways in which rows end, odd channels, strips, limits inside the range, with and without border."""
    shapes = [*CHAINS, ((1, 150, 40, 4), {}), ((1, 5, 180, 3), {"zero": -7})]
    graphs = [
        layer(shape, (weight_bits, 4, 4), i, in_zero=-8, stride=(stride, stride), **options)
        for i, (shape, options) in enumerate(shapes)
    ]
    _, names = run(graphs, tmp_path)
    made = [name for name in names if re.match(r"itr_dsp_chain2?_\d+_", name)]
    assert len(made) >= 12 // stride


@pytest.mark.emulator
def test_products_in_branches(tmp_path: Path) -> None:
    """Rows of branches begin and end in different ways."""
    cases = [((1, 12, 17, 8), (2, 3)), ((1, 9, 16, 5), (3, 2)), ((1, 11, 13, 12), (3, 3))]
    graphs = [layer(shape, (4, 4, 4), i, in_zero=-8) for i, (shape, _) in enumerate(cases)]
    wide: list[tuple[tuple[int, int, int, int], tuple[int, int]]]
    wide = [((1, 12, 24, 8), (2, 2)), ((1, 10, 20, 5), (1, 3)), ((1, 12, 28, 4), (3, 2))]
    graphs += [layer(shape, (4, 4, 4), i, in_zero=-8, stride=(2, 2)) for i, (shape, _) in enumerate(wide)]
    _, names = run(graphs, tmp_path, [grid for _, grid in [*cases, *wide]])
    assert {"itr_dsp_chain.S", "itr_dsp_chain2.S"} <= names


LEAST = {(4, 4, 4): 0.93, (8, 4, 4): 0.93, (8, 8, 4): 0.9, (8, 4, 8): 1.0, (4, 8, 8): 0.99, (2, 2, 2): 0.9}
"""Instructions of the int8 kernel to those of ours, at least."""


@pytest.mark.emulator
@pytest.mark.parametrize("options", [{}, {"stride": (2, 2)}])
def test_instructions(options: dict[str, Any], tmp_path: Path) -> None:
    widths = [(8, 8, 8), *LEAST]
    counts, _ = run([layer((1, 12, 12, 64), w, 5, **options) for w in widths], tmp_path)
    ratios = {w: counts[0] / count for w, count in zip(widths, counts, strict=True)}
    print(ratios)
    assert all(ratios[w] >= least for w, least in LEAST.items()), ratios
