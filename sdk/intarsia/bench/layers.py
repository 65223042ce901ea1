# SPDX-License-Identifier: Apache-2.0
"""The layers of `kernels.toml` as one graph, in which every layer has inputs and outputs of its own.

A layer has int8 maps and weights, or another form: "4x8" and the like are bits of weights and of maps, "float32" and
"float16" real values.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from intarsia import ops
from intarsia.dtypes import BY_BITS, BY_NAME, FLOAT32, INT32, DType
from intarsia.ir import Graph, Node, Quantization, Tensor

IN_SCALE, WEIGHT_SCALE, WEIGHT_SPREAD = 0.05, 0.004, 30.0
"""Typical for trained networks; `WEIGHT_SPREAD` is the standard deviation of weights, in codes."""
LINEAR_ZERO = 3
OUT_CODES = 40.0
"""Standard deviation that outputs of weighted layers are scaled to, in codes, for inputs of 60 codes."""
IN_CODES = 60.0
INT8_FORM = "8x8"
REAL_FORMS = ("float32", "float16")


@dataclass(frozen=True)
class Layer:
    """One entry of `kernels.toml`: `incumbent` has instructions by board; `base` names the int8 layer of a `form`."""

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
    form: str = INT8_FORM
    base: str | None = None

    @property
    def real(self) -> bool:
        return self.form in REAL_FORMS

    @property
    def maps(self) -> DType:
        return BY_NAME[self.form] if self.real else BY_BITS[int(self.form.partition("x")[2])]

    @property
    def stored(self) -> DType:
        """Of the weights."""
        return BY_NAME[self.form] if self.real else BY_BITS[int(self.form.partition("x")[0])]

    @property
    def bound(self) -> str:
        """Under which a board's table of bounds has this layer."""
        return self.kind if self.form == INT8_FORM else f"{self.kind} {self.form}"

    def scale(self, real: float) -> float:
        """Of maps that have scale `real` as int8, in float32."""
        return float(np.float32(real * 2.0 ** (8 - self.maps.bits)))

    def in_form(self, form: str) -> Layer:
        return replace(self, name=f"{self.name}, {form}", form=form, base=self.name, incumbent=None)


@cache
def _document() -> dict[str, Any]:
    text = resources.files(__package__).joinpath("kernels.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def layers() -> list[Layer]:
    """All layers, in the order of the file; behind each one its other forms."""
    forms: dict[str, list[str]] = _document()["forms"]
    found = []
    for table in _document()["layers"]:
        shapes = tuple(tuple(shape) for shape in table["inputs"])
        layer = Layer(**{**table, "inputs": shapes, "weights": tuple(table.get("weights", ()))})
        found += [layer, *(layer.in_form(form) for form in forms.get(layer.name, ()))]
    return found


def bounds(board: str) -> dict[str, float]:
    """MACs per unit that are known to be possible on a board, by kind of layer."""
    known: dict[str, float] = _document()["bounds"].get(board, {})
    return known


def left_out(board: str) -> tuple[str, ...]:
    """Forms that a board does not run."""
    return tuple(_document()["left_out"].get(board, ()))


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
            self._tensor(Tensor(f"{layer.name} in {i}", shape, layer.maps, _input(layer)))
            for i, shape in enumerate(layer.inputs)
        ]
        constants = [self._tensor(t) for t in _weights(layer)] if layer.weights else []
        attrs = operator.attrs_from_json(layer.attrs)
        node = Node(layer.operator, (*maps, *constants), (), attrs, layer.name)
        (shape,) = operator.infer(node, Graph(layer.name, tuple(self.tensors), (), (), ()))
        result = self._tensor(Tensor(f"{layer.name} out", shape, layer.maps, _output(layer, relu)))
        self.nodes.append(replace(node, outputs=(result,)))
        self.inputs += maps
        self.outputs.append(result)

    def graph(self) -> Graph:
        parts = (tuple(self.tensors), tuple(self.nodes), tuple(self.inputs), tuple(self.outputs))
        return Graph("bench kernels", *parts).verify()

    def _tensor(self, tensor: Tensor) -> int:
        self.tensors.append(tensor)
        return len(self.tensors) - 1


def _input(layer: Layer) -> Quantization | None:
    return None if layer.real else Quantization((layer.scale(IN_SCALE),), (layer.maps.range[0],))


def _weights(layer: Layer) -> tuple[Tensor, Tensor]:
    """Weights and biases; scales of channels differ by up to four. Those below 8 bits are coarser, not smaller."""
    random = np.random.default_rng(list((layer.base or layer.name).encode()))
    channels = layer.weights[layer.axis]
    scales = WEIGHT_SCALE * 2.0 ** random.uniform(-1, 1, channels)
    codes = random.normal(0, WEIGHT_SPREAD, layer.weights)
    bias = random.integers(-3000, 3000, channels) * IN_SCALE
    if layer.real:
        along = scales.reshape([-1 if axis == layer.axis else 1 for axis in range(codes.ndim)])
        return (
            Tensor(
                f"{layer.name} weights",
                layer.weights,
                layer.stored,
                None,
                (codes * along).astype(layer.stored.numpy),
            ),
            Tensor(f"{layer.name} bias", (channels,), FLOAT32, None, (bias * scales).astype(np.float32)),
        )
    coarser, largest = 2.0 ** (8 - layer.stored.bits), layer.stored.range[1]
    steps = (scales * coarser).astype(np.float32)
    zeros = (0,) * channels
    bias_steps = np.float32(layer.scale(IN_SCALE)) * steps
    return (
        Tensor(
            f"{layer.name} weights",
            layer.weights,
            layer.stored,
            Quantization(tuple(float(s) for s in steps), zeros, layer.axis),
            np.clip(np.round(codes / coarser), -largest, largest).astype(np.int8),
        ),
        Tensor(
            f"{layer.name} bias",
            (channels,),
            INT32,
            Quantization(tuple(float(s) for s in bias_steps), zeros),
            np.round(bias * scales / bias_steps).astype(np.int32),
        ),
    )


def _output(layer: Layer, relu: bool) -> Quantization | None:
    if layer.real:
        return None
    if isinstance(layer.output, dict):
        return Quantization((layer.output["scale"],), (layer.output["zero_point"],))
    if layer.output == "input":
        return _input(layer)
    zero = layer.maps.range[0] if relu else LINEAR_ZERO >> (8 - layer.maps.bits)
    if not layer.weights:
        return Quantization((layer.scale(IN_SCALE * 1.7),), (zero,))
    taps = np.prod(layer.weights) / layer.weights[layer.axis]
    deviation = IN_SCALE * IN_CODES * WEIGHT_SCALE * WEIGHT_SPREAD * np.sqrt(taps)
    return Quantization((layer.scale(deviation / OUT_CODES),), (zero,))
