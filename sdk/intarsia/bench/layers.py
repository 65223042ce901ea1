# SPDX-License-Identifier: Apache-2.0
"""The layers of `kernels.toml` as one graph, in which every layer has inputs and outputs of its own."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from intarsia import ops
from intarsia.dtypes import INT8, INT32
from intarsia.ir import Graph, Node, Quantization, Tensor

IN_SCALE, WEIGHT_SCALE, WEIGHT_SPREAD = 0.05, 0.004, 30.0
"""Typical for trained networks; `WEIGHT_SPREAD` is the standard deviation of weights, in codes."""
RELU_ZERO, LINEAR_ZERO = -128, 3
OUT_CODES = 40.0
"""Standard deviation that outputs of weighted layers are scaled to, in codes, for inputs of 60 codes."""
IN_CODES = 60.0


@dataclass(frozen=True)
class Layer:
    """One entry of `kernels.toml`: `incumbent` has instructions by board."""

    name: str
    kind: str
    operator: str
    model: str
    layer: int
    inputs: tuple[tuple[int, ...], ...]
    attrs: dict[str, Any]
    weights: tuple[int, ...] = ()
    axis: int = 0
    output: dict[str, Any] | str | None = None
    incumbent: dict[str, int] | None = None


@cache
def _document() -> dict[str, Any]:
    text = resources.files(__package__).joinpath("kernels.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def layers() -> list[Layer]:
    """All layers, in the order of the file."""
    found = []
    for table in _document()["layers"]:
        shapes = tuple(tuple(shape) for shape in table["inputs"])
        found.append(Layer(**{**table, "inputs": shapes, "weights": tuple(table.get("weights", ()))}))
    return found


def bounds(board: str) -> dict[str, float]:
    """MACs per unit that are known to be possible on a board, by kind of layer."""
    known: dict[str, float] = _document()["bounds"].get(board, {})
    return known


def graph(chosen: Sequence[Layer]) -> Graph:
    """A graph with one node for each layer, inputs in the order of the layers; weights are seeded by a layer's name."""
    parts = _Parts()
    for layer in chosen:
        parts.add(layer)
    return parts.graph()


class _Parts:
    """Tensors and nodes as they are collected."""

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.nodes: list[Node] = []
        self.inputs: list[int] = []
        self.outputs: list[int] = []

    def add(self, layer: Layer) -> None:
        operator = ops.registry()[layer.operator]
        relu = layer.attrs.get("activation", "RELU") != "NONE"
        maps = [
            self._tensor(Tensor(f"{layer.name} in {i}", shape, INT8, Quantization((IN_SCALE,), (RELU_ZERO,))))
            for i, shape in enumerate(layer.inputs)
        ]
        constants = [self._tensor(t) for t in _weights(layer)] if layer.weights else []
        attrs = operator.attrs_from_json(layer.attrs)
        node = Node(layer.operator, (*maps, *constants), (), attrs, layer.name)
        (shape,) = operator.infer(node, Graph(layer.name, tuple(self.tensors), (), (), ()))
        result = self._tensor(Tensor(f"{layer.name} out", shape, INT8, _output(layer, relu)))
        self.nodes.append(replace(node, outputs=(result,)))
        self.inputs += maps
        self.outputs.append(result)

    def graph(self) -> Graph:
        parts = (tuple(self.tensors), tuple(self.nodes), tuple(self.inputs), tuple(self.outputs))
        return Graph("bench kernels", *parts).verify()

    def _tensor(self, tensor: Tensor) -> int:
        self.tensors.append(tensor)
        return len(self.tensors) - 1


def _weights(layer: Layer) -> tuple[Tensor, Tensor]:
    """Weights and biases; scales of channels differ by up to four."""
    random = np.random.default_rng(list(layer.name.encode()))
    channels = layer.weights[layer.axis]
    scales = (WEIGHT_SCALE * 2.0 ** random.uniform(-1, 1, channels)).astype(np.float32)
    codes = np.clip(np.round(random.normal(0, WEIGHT_SPREAD, layer.weights)), -127, 127).astype(np.int8)
    bias = random.integers(-3000, 3000, channels).astype(np.int32)
    zeros = (0,) * channels
    quant = Quantization(tuple(float(s) for s in scales), zeros, layer.axis)
    bias_quant = Quantization(tuple(float(s) for s in np.float32(IN_SCALE) * scales), zeros)
    return (
        Tensor(f"{layer.name} weights", layer.weights, INT8, quant, codes),
        Tensor(f"{layer.name} bias", (channels,), INT32, bias_quant, bias),
    )


def _output(layer: Layer, relu: bool) -> Quantization:
    zero = RELU_ZERO if relu else LINEAR_ZERO
    if isinstance(layer.output, dict):
        return Quantization((layer.output["scale"],), (layer.output["zero_point"],))
    if layer.output == "input":
        return Quantization((IN_SCALE,), (RELU_ZERO,))
    if not layer.weights:
        return Quantization((float(np.float32(IN_SCALE * 1.7)),), (zero,))
    taps = np.prod(layer.weights) / layer.weights[layer.axis]
    deviation = IN_SCALE * IN_CODES * WEIGHT_SCALE * WEIGHT_SPREAD * np.sqrt(taps)
    return Quantization((float(np.float32(deviation / OUT_CODES)),), (zero,))
