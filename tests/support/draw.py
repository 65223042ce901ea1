# SPDX-License-Identifier: Apache-2.0
"""Draws random choices for the operators' own test cases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from intarsia.ir import Graph, Tensor
from intarsia.ops.base import Operator


class SeededDraw:
    """Choices of a seeded generator; ends of ranges are likelier than the rest."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def integer(self, low: int, high: int) -> int:
        return int(self.random.integers(low, high, endpoint=True))

    def choice(self, options: Sequence[Any]) -> Any:
        return options[int(self.random.integers(len(options)))]

    def array(self, shape: tuple[int, ...], low: int, high: int) -> np.ndarray:
        return edge_array(self.random, shape, low, high)


class HypothesisDraw(SeededDraw):
    """Shapes and options from hypothesis, array contents from a generator it seeds."""

    def __init__(self, draw: DrawFn) -> None:
        super().__init__(draw(st.integers(0, 2**32 - 1)))
        self.draw = draw

    def integer(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def choice(self, options: Sequence[Any]) -> Any:
        return options[self.draw(st.integers(0, len(options) - 1))]


def edge_array(random: np.random.Generator, shape: tuple[int, ...], low: int, high: int) -> np.ndarray:
    """int64 values in [low, high]: uniform, mostly at the ends, or all the same."""
    kind = random.integers(4)
    if kind == 0:
        return np.where(random.integers(0, 2, shape) == 0, low, high).astype(np.int64)
    if kind == 1:
        return np.full(shape, random.choice([low, high]), np.int64)
    return random.integers(low, high, shape, endpoint=True, dtype=np.int64)


def sample(tensor: Tensor, random: np.random.Generator) -> np.ndarray:
    """A random value for a graph input, edges included."""
    if tensor.dtype.is_float:
        return random.normal(0, 4, tensor.shape).astype(tensor.dtype.numpy)
    if tensor.dtype.name == "bool":
        return random.integers(0, 2, tensor.shape).astype(bool)
    low, high = tensor.dtype.range
    return edge_array(random, tensor.shape, low, high).astype(tensor.dtype.numpy)


@st.composite
def graphs(draw: DrawFn, operator: Operator) -> Graph:
    """One-node graphs of an operator."""
    return operator.cases(HypothesisDraw(draw))
