# SPDX-License-Identifier: Apache-2.0
"""Channels that never change are folded away: which ones, which not, and that outputs stay what they were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from intarsia import ops, simulate
from intarsia.importers import tflite as importer
from intarsia.ir import Graph, Quantization
from intarsia.ops.conv_2d import Conv2DAttrs
from intarsia.ops.depthwise_conv_2d import DepthwiseConv2DAttrs
from intarsia.passes import canonicalise, constant_channels, dead
from intarsia.plan import patch, precision
from intarsia.plan.vdpc import Membership
from intarsia.quantize import classes
from intarsia.quantize.classes import Widths
from intarsia_codegen.lower import lower
from support.draw import SeededDraw, sample
from support.networks import Network, network

LARGE = 1 << 24
"""A bias that clamps every output."""

OUT = Quantization((0.5,), (-20,))


def assert_same_outputs(before: Graph, after: Graph, seed: int = 0) -> None:
    random = np.random.default_rng(seed)
    for _ in range(3):
        values = [sample(before.tensor(i), random) for i in before.inputs]
        for a, b in zip(simulate.run(before, values), simulate.run(after, values), strict=True):
            assert np.array_equal(a, b)


def with_biases(graph: Graph, layer: int, changes: dict[int, int]) -> Graph:
    """The graph with other biases in some channels of a layer."""
    index = graph.nodes[layer].inputs[2]
    data = graph.constant(graph.nodes[layer], 2).copy()
    for channel, value in changes.items():
        data[channel] = value
    return with_data(graph, index, data)


def with_data(graph: Graph, index: int, data: np.ndarray) -> Graph:
    tensors = list(graph.tensors)
    tensors[index] = replace(tensors[index], data=data)
    return graph.replace(tensors=tuple(tensors))


def chain(seed: int, *, padding: str = "VALID", last: tuple[int, int] = (1, 1)) -> Graph:
    """1x1 convolution to 8 channels, depthwise 3x3, convolution to 4 channels with the window `last`."""
    net = Network(SeededDraw(seed), (1, 7, 8, 4))
    x = net.pointwise(net.source, 8, OUT)
    weights = net.weights(x, (1, 3, 3, 8), axis=3)
    inputs = [x, weights, net.bias(x, weights, 8)]
    x = net.layer("DEPTHWISE_CONV_2D", inputs, DepthwiseConv2DAttrs(padding), OUT)
    weights = net.weights(x, (4, *last, 8), axis=0)
    inputs = [x, weights, net.bias(x, weights, 4)]
    return net.finish(net.layer("CONV_2D", inputs, Conv2DAttrs("SAME"), OUT))


def channels(graph: Graph) -> list[int]:
    """Of the outputs of all layers."""
    return [graph.output(node).shape[-1] for node in graph.nodes]


def clamped(graph: Graph, layer: int, places: Sequence[int], bias: int = -LARGE) -> Graph:
    return with_biases(graph, layer, dict.fromkeys(places, bias))


@pytest.mark.parametrize("bias", [LARGE, -LARGE])
def test_clamped_depthwise_channels_go_with_the_layer_before(bias: int) -> None:
    graph = clamped(chain(1), 1, (0, 2, 3, 5, 7), bias)
    folded = constant_channels.run(graph)
    assert channels(folded) == [4, 4, 4]  # five of eight, in whole units
    assert_same_outputs(graph, folded)
    assert constant_channels.run(folded) is folded


def test_known_codes_that_meet_a_border_stay() -> None:
    """The code is not the zero point: at the border the next layer reads something else."""
    graph = clamped(chain(2, last=(3, 3)), 1, range(4), LARGE)
    assert constant_channels.run(graph) is graph


def test_zero_points_at_a_border_go() -> None:
    net = chain(3, last=(3, 3))
    floor = Quantization(OUT.scale, (-128,))
    tensors = list(net.tensors)
    tensors[net.nodes[1].outputs[0]] = replace(net.output(net.nodes[1]), quant=floor)
    graph = clamped(net.replace(tensors=tuple(tensors)), 1, range(4), -LARGE)
    folded = constant_channels.run(graph)
    assert channels(folded) == [4, 4, 4]
    assert_same_outputs(graph, folded)


def test_channels_without_weights_go() -> None:
    graph = chain(4)
    weights = graph.constant(graph.nodes[2], 1).copy()
    weights[..., :4] = 0
    graph = with_data(graph, graph.nodes[2].inputs[1], weights)
    folded = constant_channels.run(graph)
    assert channels(folded) == [4, 4, 4]
    assert_same_outputs(graph, folded)


def test_outputs_of_the_network_stay() -> None:
    graph = clamped(chain(5), 2, range(4))
    assert constant_channels.run(graph) is graph
    graph = clamped(chain(5), 1, range(8))
    graph = graph.replace(outputs=(graph.nodes[1].outputs[0], *graph.outputs))
    assert constant_channels.run(graph) is graph


def test_a_reader_that_needs_them_keeps_them() -> None:
    net = Network(SeededDraw(6), (1, 5, 5, 8))
    x = net.pointwise(net.source, 8, OUT)
    graph = net.finish(net.pointwise(x, 4, OUT), net.sum(x, net.source))
    graph = clamped(graph, 0, range(8))
    assert constant_channels.run(graph) is graph


def test_one_unit_stays_when_nothing_is_needed() -> None:
    graph = clamped(chain(7), 1, range(8))
    folded = constant_channels.run(graph)
    assert channels(folded) == [4, 4, 4]
    assert_same_outputs(graph, folded)


@pytest.mark.parametrize("seed", range(60))
def test_random_networks(seed: int) -> None:
    """Networks of all kinds of layers whose biases and weights are large or 0 here and there."""
    graph = network(SeededDraw(seed))
    random = np.random.default_rng(seed)
    for node in graph.nodes:
        if node.op.endswith("CONV_2D") and graph.required(node, 0).dtype.is_integer:
            bias = graph.constant(node, 2).copy()
            chosen = random.random(bias.shape) < 0.5
            bias[chosen] = random.choice([LARGE, -LARGE], int(chosen.sum()))
            weights = graph.constant(node, 1).copy()
            weights[..., random.random(weights.shape[-1]) < 0.2] = 0
            graph = with_data(graph, node.inputs[1], weights)
            candidate = with_data(graph, node.inputs[2], bias)
            if ops.registry()[node.op].unsupported(node, candidate) is None:
                graph = candidate
    folded = constant_channels.run(graph)
    assert_same_outputs(graph, folded, seed)
    assert constant_channels.run(folded) is folded


@pytest.mark.data
def test_a_trained_network_loses_most_of_its_weights(models: Path) -> None:
    """vww: 985 of 2,738 channels never change."""
    graph = canonicalise(importer.load(models / "vww_mobilenetv1_025_96_int8.tflite"))
    folded = constant_channels.run(graph)
    constants = [sum(t.bytes for t in dead.run(g).tensors if t.is_constant) for g in (graph, folded)]
    assert constants[1] < constants[0] // 4
    assert [n.op for n in folded.nodes] == [n.op for n in graph.nodes]
    assert_same_outputs(graph, folded)


def test_with_classes_of_patches_only_layers_behind_them_lose_channels() -> None:
    """Those before exist in a form for each class."""
    net = Network(SeededDraw(3), (1, 8, 8, 4))
    x = net.source
    for _ in range(3):
        x = net.pointwise(x, 8, OUT)
    graph = net.finish(net.pointwise(x, 4, OUT))
    graph = clamped(clamped(graph, 0, range(4)), 2, range(4))
    random = np.random.default_rng(0)
    samples = [np.stack([sample(graph.tensor(i), random) for _ in range(4)]) for i in graph.inputs]
    tiling = patch.tiling_of(graph, 1, (2, 2), "arena")
    membership = Membership.static((True, False, False, True))
    found = classes.histograms(graph, samples, tiling, membership)
    space = precision.space(graph, found, precision.Wanted((8, 4)), tiling, membership, lambda *_: True)
    bits = tuple(item.widths[-1] for item in space.items)
    result = classes.apply(graph, samples, Widths.of(space, bits), tiling, membership)
    assert result.classes is not None
    folded = constant_channels.run(result)
    assert channels(folded) == [8, 8, 4, 4]
    assert_same_outputs(result, folded)


@pytest.mark.parametrize("grid", [None, (2, 2)])
def test_a_firmware_stands_for_the_whole_network(grid: tuple[int, int] | None) -> None:
    """Fewer channels in the code, MACs and model as they were."""
    net = Network(SeededDraw(8), (1, 8, 8, 4))
    x = net.pointwise(net.source, 12, OUT)
    graph = clamped(net.finish(net.pointwise(x, 4, OUT)), 0, range(8))
    plan = patch.plan_of(graph, 1, grid) if grid else None
    program = lower(graph, ["scalar"], plan=plan)
    assert program.network is graph
    assert channels(program.graph) == [4, 4]
    assert [layer.macs for layer in program.layers] == [8 * 8 * 4 * 12, 8 * 8 * 12 * 4]
