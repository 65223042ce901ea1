# SPDX-License-Identifier: Apache-2.0
"""Normalizations: by stored statistics (folded into the layer before), or by those of the feature map itself."""

from __future__ import annotations

import numpy as np

from intarsia.importers.onnx.call import Call, Refused, Rule
from intarsia.importers.onnx.rules.elementwise import aligned
from intarsia.importers.onnx.rules.reduction import reduced
from intarsia.importers.onnx.values import Known, Map


def _combined(call: Call, op: str, first: Map, second: Map | Known) -> Map:
    left, right, view = aligned(call.builder, first, second)
    return Map(call.builder.emit(op, [left, right]), view)


def _number(value: float) -> Known:
    return Known("", np.array(value))


def batch(call: Call) -> Map:
    """x * scale + shift with scale = gamma / sqrt(variance + epsilon)."""
    if any(call.node.output[1:]) or call.integer("training_mode", 0):
        raise Refused("it computes statistics", "export in evaluation mode: model.eval()")
    source = call.map(0)
    gamma, beta, mean, variance = (call.known(i, "statistics").real() for i in range(1, 5))
    channels = call.builder.logical(source)[1]
    if any(v.size != channels for v in (gamma, beta, mean, variance)):
        raise Refused(f"statistics of other than {channels} channels")
    deviation = variance + call.number("epsilon", 1e-5)
    if not (deviation > 0).all():
        raise Refused("a variance below zero")
    scale = gamma / np.sqrt(deviation)
    shape = (channels, *[1] * (source.rank - 2))
    name = call.builder.label
    scaled = _combined(call, "MUL", source, Known(f"{name}/scale", scale.reshape(shape)))
    return _combined(call, "ADD", scaled, Known(f"{name}/shift", (beta - mean * scale).reshape(shape)))


def _normalized(call: Call, source: Map, axes: tuple[int, ...], epsilon: float) -> Map:
    """(x - mean) / sqrt(variance + epsilon) over axes of ONNX."""
    builder = call.builder
    source = builder.separated(source)
    mean = reduced(call, source, "MEAN", axes, keep=True)
    variance = reduced(call, _combined(call, "SQUARED_DIFFERENCE", source, mean), "MEAN", axes, keep=True)
    shifted = _combined(call, "ADD", variance, _number(epsilon))
    inverse = Map(builder.emit("RSQRT", [shifted.tensor]), shifted.view)
    return _combined(call, "MUL", _combined(call, "SUB", source, mean), inverse)


def _affine(call: Call, source: Map, gamma: np.ndarray | None, beta: np.ndarray | None) -> Map:
    name = call.builder.label
    if gamma is not None:
        source = _combined(call, "MUL", source, Known(f"{name}/scale", gamma))
    return source if beta is None else _combined(call, "ADD", source, Known(f"{name}/shift", beta))


def layer(call: Call) -> Map:
    source = call.map(0)
    first = call.axis(call.integer("axis", -1), source.rank)
    normalized = _normalized(call, source, tuple(range(first, source.rank)), call.number("epsilon", 1e-5))
    beta = call.known(2, "the shift").real() if call.operand(2) is not None else None
    return _affine(call, normalized, call.known(1, "the scale").real(), beta)


def instance(call: Call) -> Map:
    source = call.map(0)
    shape = (-1, *[1] * (source.rank - 2))
    gamma, beta = (call.known(i, "scale and shift").real().reshape(shape) for i in (1, 2))
    axes = tuple(range(2, source.rank))
    return _affine(call, _normalized(call, source, axes, call.number("epsilon", 1e-5)), gamma, beta)


def group(call: Call) -> Map:
    """Channels are split into groups by a view; every group is normalized as an instance is."""
    source, builder, groups = call.map(0), call.builder, call.integer("num_groups")
    shape = builder.logical(source)
    if source.rank < 3 or groups < 1 or shape[1] % groups:
        raise Refused(f"{groups} groups of {list(shape)}")
    split = builder.reshaped(source, [shape[0], groups, shape[1] // groups, *shape[2:]])
    axes = tuple(range(2, split.rank))
    joined = builder.reshaped(_normalized(call, split, axes, call.number("epsilon", 1e-5)), shape)
    gamma, beta = (call.known(i, "scale and shift").real() for i in (1, 2))
    if gamma.size != shape[1]:
        gamma, beta = (np.repeat(v.reshape(-1), shape[1] // groups) for v in (gamma, beta))
    form = (-1, *[1] * (source.rank - 2))
    return _affine(call, joined, gamma.reshape(form), beta.reshape(form))


def root_mean_square(call: Call) -> Map:
    source, builder = call.map(0), call.builder
    first = call.axis(call.integer("axis", -1), source.rank)
    axes = tuple(range(first, source.rank))
    square = Map(builder.emit("SQUARE", [source.tensor]), source.view)
    mean = _combined(
        call, "ADD", reduced(call, square, "MEAN", axes, keep=True), _number(call.number("epsilon", 1e-5))
    )
    inverse = Map(builder.emit("RSQRT", [mean.tensor]), mean.view)
    return _affine(call, _combined(call, "MUL", source, inverse), call.known(1, "the scale").real(), None)


def length(call: Call) -> Map:
    source, builder = call.map(0), call.builder
    if call.integer("p", 2) != 2:
        raise Refused("a norm other than L2")
    axis = call.axis(call.integer("axis", -1), source.rank)
    separated = builder.separated(source)
    order = sorted((a for a in range(source.rank) if a != axis), key=lambda a: separated.view[a])
    moved = builder.ordered(source, [*order, axis])
    return Map(builder.emit("L2_NORMALIZATION", [moved.tensor]), moved.view)


STEPS = ("MEAN", "SQUARED_DIFFERENCE", "ADD", "RSQRT", "SUB", "MUL", "RESHAPE")
RULES = (
    Rule("BatchNormalization", ("MUL", "ADD"), batch, "becomes part of the layer before where it can"),
    Rule("LayerNormalization", STEPS, layer),
    Rule("InstanceNormalization", STEPS, instance),
    Rule("GroupNormalization", STEPS, group),
    Rule("RMSNormalization", ("SQUARE", "MEAN", "ADD", "RSQRT", "MUL"), root_mean_square),
    Rule("LpNormalization", ("L2_NORMALIZATION", "TRANSPOSE"), length, "p = 2"),
)
