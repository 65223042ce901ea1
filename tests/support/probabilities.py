# SPDX-License-Identifier: Apache-2.0
"""Rows for SOFTMAX in float32, and how far vectors may be from the exact probabilities."""

from __future__ import annotations

import numpy as np

from intarsia import ops
from intarsia.ir import Graph
from intarsia.ops import _cases
from intarsia.ops.softmax import SoftmaxAttrs
from support.draw import SeededDraw

ULP = 2.0**-23


def rows() -> list[Graph]:
    """Shorter and longer than vectors, one or several, sharp and flat."""
    shapes = (((1, 1), 1.0), ((3, 5), 1.0), ((1, 12), 30.0), ((2, 33), 0.125), ((1, 700), 2.0))
    return [_softmax(shape, beta) for shape, beta in shapes]


def _softmax(shape: tuple[int, int], beta: float) -> Graph:
    case = _cases.Case(SeededDraw(shape[1]))
    return case.graph(ops.registry()["SOFTMAX"], [case.input(shape, "float32")], SoftmaxAttrs(beta))


def assert_probabilities(graph: Graph, x: np.ndarray, got: np.ndarray) -> None:
    """An exponential may be off by 2 ULP, and by half the rounding of its argument times that argument; a sum of n by
    n / 2 ULP; reciprocal and product by 1. What is below the normal range of floats may be 0.
    """
    attrs = graph.nodes[0].attrs
    assert isinstance(attrs, SoftmaxAttrs)
    argument = (x.astype(np.float64) - x.max(-1, keepdims=True)) * attrs.beta
    power = np.exp(argument)
    want = power / power.sum(-1, keepdims=True)
    relative = ULP * (4 + np.abs(argument) + x.shape[-1] / 2 + 2)
    assert np.all(np.abs(got - want) <= relative * want + 2.0**-126)
