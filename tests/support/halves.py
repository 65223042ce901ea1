# SPDX-License-Identifier: Apache-2.0
"""Layers of real values, sums in half precision as fused vector instructions form them, and how far they may be off."""

from __future__ import annotations

import numpy as np

from intarsia import check, ops
from intarsia.dtypes import FLOAT16, FLOAT32
from intarsia.ir import Graph, Node, Tensor
from intarsia.ops.conv_2d import OPERATOR as CONV_2D
from intarsia.ops.conv_2d import Conv2DAttrs
from support.draw import SeededDraw

UNIT = 2.0**-11
"""Half the distance of two halves, relative."""


def fused(columns: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """bias + columns [rows, taps] times kernel [channels, taps], float16: one rounding per product, taps in order.

    Products of halves are exact in float64, and so are their sums with a half unless they differ by 2**42 and more.
    """
    total = np.broadcast_to(bias.astype(np.float16), (len(columns), len(kernel)))
    for x, w in zip(columns.T.astype(np.float64), kernel.T.astype(np.float64), strict=True):
        total = (total.astype(np.float64) + x[:, None] * w[None, :]).astype(np.float16)
    return total


def bound(columns: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Largest distance of such sums from the exact ones."""
    magnitude = np.abs(columns.astype(np.float64)) @ np.abs(kernel.T.astype(np.float64)) + np.abs(bias)
    result: np.ndarray = (columns.shape[1] + 2) * UNIT * magnitude
    return result


def drawn(operator: str, count: int) -> list[Graph]:
    """Supported float32 cases."""
    found: list[Graph] = []
    for seed in range(300):
        graph = ops.registry()[operator].cases(SeededDraw(seed))
        real = graph.tensor(graph.inputs[0]).dtype == FLOAT32
        if real and len(found) < count and check.fault(graph.nodes[0], graph) is None:
            found.append(graph)
    return found


SHAPES = (
    ((1, 6, 5, 8), (3, 3), 16, "SAME"),
    ((1, 4, 4, 3), (3, 3), 5, "SAME"),
    ((1, 5, 7, 12), (1, 1), 24, "VALID"),
    ((2, 5, 5, 7), (2, 3), 33, "VALID"),
    ((1, 1, 1, 9), (1, 1), 8, "SAME"),
)


def convolution(shape: tuple[int, ...], window: tuple[int, int], channels: int, padding: str) -> Graph:
    """In half precision throughout, with values that round at every step."""
    random = np.random.default_rng(channels)
    weights = random.normal(size=(channels, *window, shape[3])).astype(np.float16)
    bias = random.normal(size=channels).astype(np.float32)
    tensors = [
        Tensor("x", shape, FLOAT16),
        Tensor("w", weights.shape, FLOAT16, None, weights),
        Tensor("b", bias.shape, FLOAT32, None, bias),
    ]
    node = Node("CONV_2D", (0, 1, 2), (3,), Conv2DAttrs(padding), "conv")
    partial = Graph("g", tuple(tensors), (), (0,), ())
    (out,) = CONV_2D.infer(node, partial)
    return Graph("g", (*tensors, Tensor("y", out, FLOAT16)), (node,), (0,), (3,)).verify()
