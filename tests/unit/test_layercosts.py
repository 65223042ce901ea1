# SPDX-License-Identifier: Apache-2.0
"""Costs of layers with fewer bits, as the generators of a board's kernels tell them."""

from __future__ import annotations

from pathlib import Path

import pytest

from intarsia import boards, pipeline
from intarsia.layercosts import layer_costs
from intarsia.passes import constant_channels
from intarsia.plan import patch
from intarsia.plan.kernelcosts import OTHER, POINTWISE, Work, estimated, kind_of
from intarsia.quantize.layout import LAYERS
from intarsia.quantize.mixed import Bits
from intarsia.request import Objective
from intarsia.standin import narrowed
from intarsia_codegen import project as codegen


def test_costs_are_those_of_the_generated_kernels(digits: Path) -> None:
    """Wide 1x1 layers gain; depthwise ones stay within a tenth of int8; a branch has its share of the MACs."""
    graph = pipeline.load_model(digits / "digits96_int8.tflite")
    costs = layer_costs(graph, boards.load("qemu-cortex-m4"))
    wide = next(i for i, n in enumerate(graph.nodes) if graph.tensor(n.outputs[0]).shape == (1, 6, 6, 144))
    work = Work(wide, kind_of(graph.nodes[wide], graph), 1_000_000)
    eight = costs(work, 8, (8,), 8)
    assert eight > 1.3 * costs(work, 4, (4,), 4)
    assert costs(Work(wide, work.kind, 500_000), 8, (8,), 8) == pytest.approx(eight / 2)
    deep = next(i for i, n in enumerate(graph.nodes) if n.op == "DEPTHWISE_CONV_2D")
    depthwise = Work(deep, kind_of(graph.nodes[deep], graph), 1_000_000)
    assert costs(depthwise, 8, (4,), 4) == pytest.approx(costs(depthwise, 8, (8,), 8), rel=0.1)


def test_sums_of_maps_with_different_bits_cost_about_as_much(digits: Path) -> None:
    graph = pipeline.load_model(digits / "digits96_int8.tflite")
    costs = layer_costs(graph, boards.load("qemu-cortex-m4"))
    layer = next(i for i, n in enumerate(graph.nodes) if n.op == "ADD")
    work = Work(layer, OTHER, graph.output(graph.nodes[layer]).elements)
    eight = costs(work, 8, (8, 8), 8)
    assert costs(work, 8, (4, 4), 4) < eight
    for inputs, output in (((8, 8), 4), ((8, 4), 8), ((4, 8), 4)):
        assert costs(work, 8, inputs, output) == pytest.approx(eight, rel=0.15)


def test_costs_in_patches_are_those_of_their_kernels(digits: Path) -> None:
    """All the instructions that the firmware's kernels take for a layer in all branches, at 8 bits and at 4."""
    graph, board = pipeline.load_model(digits / "digits96_int8.tflite"), boards.load("qemu-cortex-m4")
    plan = patch.plan_of(graph, 4, (2, 2), "reader")
    costs = layer_costs(graph, board, plan, Objective.SPEED)
    narrow = narrowed(graph, Bits({graph.nodes[i].outputs[0]: 4 for i in (1, 2)}, {2: 4}))
    for bits, given in ((8, graph), (4, narrow)):
        program = codegen.lower_for(given, board, plan=plan, objective=Objective.SPEED)
        layer = program.layers[2]
        made = [kernel.generated.cost for kernel in layer.kernels if kernel.generated]
        assert costs(Work(2, POINTWISE, layer.macs), bits, (bits,), bits) == pytest.approx(sum(made))


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
