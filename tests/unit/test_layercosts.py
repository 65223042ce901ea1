# SPDX-License-Identifier: Apache-2.0
"""Costs of layers with fewer bits, as the generators of a board's kernels tell them."""

from __future__ import annotations

from pathlib import Path

import pytest

from intarsia import boards, pipeline
from intarsia.layercosts import layer_costs
from intarsia.passes import constant_channels
from intarsia.plan.kernelcosts import Work, estimated, kind_of
from intarsia.quantize.layout import LAYERS
from intarsia.quantize.mixed import Bits
from intarsia.standin import narrowed


def test_costs_are_those_of_the_generated_kernels(digits: Path) -> None:
    """Wide 1x1 layers gain; depthwise ones stay within a tenth of int8; a branch has its share of the MACs."""
    graph = pipeline.load_model(digits / "digits96_int8.tflite")
    costs = layer_costs(graph, boards.load("qemu-cortex-m4"))
    wide = next(i for i, n in enumerate(graph.nodes) if graph.tensor(n.outputs[0]).shape == (1, 6, 6, 144))
    work = Work(wide, kind_of(graph.nodes[wide], graph), 1_000_000)
    assert costs(work, 8, 8) > 1.3 * costs(work, 4, 4)
    assert costs(Work(wide, work.kind, 500_000), 8, 8) == pytest.approx(costs(work, 8, 8) / 2)
    deep = next(i for i, n in enumerate(graph.nodes) if n.op == "DEPTHWISE_CONV_2D")
    depthwise = Work(deep, kind_of(graph.nodes[deep], graph), 1_000_000)
    assert costs(depthwise, 8, 4) == pytest.approx(costs(depthwise, 8, 8), rel=0.1)


def test_boards_without_kernels_for_fewer_bits_keep_to_the_table(digits: Path) -> None:
    graph = pipeline.load_model(digits / "digits96_int8.tflite")
    assert layer_costs(graph, boards.load("host")) is estimated


def test_a_stand_in_has_no_channels_that_never_change(digits: Path) -> None:
    """They would cost nothing, and what fewer bits save would be overestimated."""
    graph = pipeline.load_model(digits / "digits96_int8.tflite")
    layers = {i: 4 for i, node in enumerate(graph.nodes) if node.op in LAYERS}
    maps = {node.outputs[0]: 4 for node in graph.nodes[:-3] if node.op in LAYERS}
    for chosen in (Bits({}, layers), Bits(maps, {}), Bits(maps, layers)):
        thin = constant_channels.run(narrowed(graph, chosen))
        assert [t.shape for t in thin.tensors] == [t.shape for t in graph.tensors]
