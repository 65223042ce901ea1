# SPDX-License-Identifier: Apache-2.0
"""Poolings over one or two spatial axes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from intarsia.importers.onnx.call import Call, Refused, Rule
from intarsia.importers.onnx.rules._windows import Windows, windows
from intarsia.importers.onnx.values import Map
from intarsia.ops._pooling import PoolAttrs
from intarsia.ops._reduction import ReductionAttrs
from intarsia.ops.average_pool_2d import AveragePoolAttrs


def _view(call: Call, source: Map) -> tuple[Windows, Windows]:
    """Windows as stated, and with pads that make the last ones of ceil_mode whole. Raises Refused."""
    view = windows(call, call.vector("kernel_shape"), call.builder.logical(source)[2:])
    if view.dilation != (1, 1):
        raise Refused("dilations", "use a pooling without dilation")
    if not call.integer("ceil_mode", 0):
        return view, view
    image, pads = call.builder.images(source), list(view.pads)
    for axis in (0, 1):
        extent = call.builder.shape(image)[1 + axis]
        before, behind = view.pads[2 * axis : 2 * axis + 2]
        size, stride = view.size[axis], view.stride[axis]
        out = -(-(extent + before + behind - size) // stride) + 1
        if (out - 1) * stride >= extent + before:
            out -= 1  # a last window that would begin behind the input does not count
        pads[2 * axis + 1] = max(behind, (out - 1) * stride + size - extent - before)
    return view, replace(view, pads=(pads[0], pads[1], pads[2], pads[3]))


def largest(call: Call) -> Map:
    if len(call.node.output) > 1 and call.node.output[1]:
        raise Refused("the places of the largest values", "use MaxPool without return_indices")
    if call.integer("storage_order", 0):
        raise Refused("storage_order 1")
    source = call.map(0)
    _, view = _view(call, source)
    image = call.builder.images(source)
    padding, pads = view.padding(call.builder.shape(image)[1:3])
    attrs = PoolAttrs(padding, view.stride, view.size, "NONE", pads)
    return call.builder.from_images(call.builder.emit("MAX_POOL_2D", [image], attrs), source.rank)


def average(call: Call) -> Map:
    source, builder = call.map(0), call.builder
    stated, view = _view(call, source)
    image = builder.images(source)
    if call.integer("count_include_pad", 0) and any(stated.pads):
        above, below, left, right = stated.pads
        borders = np.array([[0, 0], [above, below], [left, right], [0, 0]], np.int32)
        image = builder.emit("PAD", [image, builder.constant(borders)])
        behind = [more - own for more, own in zip(view.pads, stated.pads, strict=True)]
        view = replace(view, pads=(0, behind[1], 0, behind[3]))
    padding, pads = view.padding(builder.shape(image)[1:3])
    attrs = AveragePoolAttrs(padding, view.stride, view.size, "NONE", pads)
    return builder.from_images(builder.emit("AVERAGE_POOL_2D", [image], attrs), source.rank)


def over_all(op: str) -> Rule:
    """A reduction of all spatial axes, which stay with an extent of 1."""

    def translate(call: Call) -> Map:
        source, builder = call.map(0), call.builder
        if source.rank not in (3, 4):
            raise Refused(f"a feature map of {source.rank} dimensions; 3 and 4 are supported")
        image = builder.images(source)
        return builder.from_images(
            builder.emit(op, [image, builder.ints([1, 2])], ReductionAttrs(keep_dims=True)), source.rank
        )

    return Rule("GlobalAveragePool" if op == "MEAN" else "GlobalMaxPool", (op,), translate)


RULES = (
    Rule("MaxPool", ("MAX_POOL_2D",), largest, "one or two spatial axes, no dilation"),
    Rule(
        "AveragePool",
        ("AVERAGE_POOL_2D", "PAD"),
        average,
        "one or two spatial axes; pads that count become a PAD",
    ),
    over_all("MEAN"),
    over_all("REDUCE_MAX"),
)
