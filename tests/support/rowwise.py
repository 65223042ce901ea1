# SPDX-License-Identifier: Apache-2.0
"""Layers for the kernels that are made by `intarsia_codegen.rowwise`: every way to find windows, every border."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from intarsia.ir import Graph
from support.cuts import Cut, Layer, single
from support.layers import layer, scaled_layer

CONVOLUTIONS: tuple[tuple[tuple[int, ...], tuple[int, int], int, dict[str, Any]], ...] = (
    ((1, 5, 7, 16), (1, 1), 70, {"activation": "RELU"}),
    ((2, 3, 3, 16), (1, 1), 8, {"activation": "RELU6"}),
    ((1, 5, 3, 48), (1, 1), 33, {}),
    ((1, 9, 20, 40), (1, 1), 40, {"activation": "RELU"}),
    ((1, 5, 6, 12), (1, 1), 3, {"stride": (2, 3)}),
    ((1, 5, 5, 17), (3, 3), 12, {"activation": "RELU"}),
    ((1, 6, 5, 16), (3, 3), 36, {"dilation": (2, 1)}),
    ((1, 6, 5, 5), (3, 3), 4, {"dilation": (1, 2)}),
    ((2, 7, 7, 3), (3, 3), 8, {"stride": (2, 2), "activation": "RELU"}),
    ((1, 12, 6, 1), (10, 4), 19, {"stride": (2, 2)}),
    ((1, 7, 7, 5), (5, 5), 4, {"padding": "VALID"}),
    ((1, 1, 1, 16), (3, 3), 4, {}),
)
DEPTHWISE: tuple[tuple[tuple[int, ...], tuple[int, int], dict[str, Any]], ...] = (
    ((1, 9, 7, 1), (3, 3), {"stride": (2, 2), "channels": 8}),
    ((1, 6, 9, 8), (3, 3), {"activation": "RELU"}),
    ((2, 5, 5, 9), (3, 3), {}),
    ((1, 3, 4, 40), (3, 3), {"activation": "RELU6"}),
    ((1, 3, 2, 130), (3, 3), {}),
    ((1, 5, 1, 64), (3, 3), {}),
    ((1, 9, 9, 48), (3, 3), {"stride": (2, 2), "activation": "RELU"}),
    ((1, 6, 7, 5), (3, 3), {"padding": "VALID"}),
    ((1, 8, 6, 4), (4, 2), {"dilation": (2, 3)}),
    ((2, 6, 6, 6), (5, 5), {}),
    ((1, 9, 6, 3), (7, 5), {"stride": (2, 1), "activation": "RELU"}),
)
CUTS: tuple[tuple[tuple[int, int, int], Layer, tuple[int, int]], ...] = (
    ((9, 7, 16), Layer((1, 1), 8, activation="RELU"), (2, 2)),
    ((9, 7, 6), Layer((1, 1), 9), (4, 3)),
    ((9, 11, 8), Layer((1, 1), 6, (2, 2), activation="RELU6"), (2, 3)),
    ((13, 12, 3), Layer((3, 3), 8, (2, 2), activation="RELU"), (3, 2)),
    ((11, 10, 16), Layer((3, 3), 7, activation="RELU"), (3, 3)),
    ((12, 9, 5), Layer((3, 3), 4, padding="VALID"), (2, 3)),
    ((9, 8, 4), Layer((3, 3), 4, dilation=(1, 2)), (2, 3)),
    ((13, 6, 1), Layer((10, 4), 7, (2, 2)), (2, 2)),
    ((5, 5, 4), Layer((3, 3), 4), (5, 5)),
    ((12, 17, 8), Layer((3, 3), activation="RELU"), (2, 3)),
    ((11, 10, 6), Layer((3, 3), stride=(2, 2)), (3, 2)),
    ((12, 11, 20), Layer((5, 5)), (3, 3)),
    ((9, 8, 4), Layer((3, 3), dilation=(2, 1)), (2, 2)),
)


def windowed_layers() -> list[Graph]:
    """Convolutions, then depthwise ones."""
    graphs = [
        layer("CONV_2D", shape, kernel, channels, seed, **options)
        for seed, (shape, kernel, channels, options) in enumerate(CONVOLUTIONS)
    ]
    graphs += [
        layer("DEPTHWISE_CONV_2D", shape, kernel, seed=seed, **{"channels": shape[3], **options})
        for seed, (shape, kernel, options) in enumerate(DEPTHWISE)
    ]
    return graphs


def with_lowest_weights(graph: Graph) -> Graph:
    """Every weight is -128: sums of two products do not fit 16 bits."""
    index = graph.nodes[0].inputs[1]
    tensors = list(graph.tensors)
    tensors[index] = replace(tensors[index], data=np.full_like(graph.constant(graph.nodes[0], 1), -128))
    return graph.replace(tensors=tuple(tensors))


def layers_of_every_shift() -> list[Graph]:
    """Factors from far below 1 to far above."""
    return [
        scaled_layer(exponent, seed, activation)
        for seed, exponent in enumerate((-40, -31, -20, -9, -3, -1, 0, 1, 4, 7))
        for activation in ("NONE", "RELU")
    ]


def cuts() -> list[Cut]:
    """Layers in patches."""
    return [single(*case, seed) for seed, case in enumerate(CUTS)]
