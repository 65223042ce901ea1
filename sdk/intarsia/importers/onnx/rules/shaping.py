# SPDX-License-Identifier: Apache-2.0
"""Other shapes for the same elements: views where they can be, so that little or nothing is moved."""

from __future__ import annotations

import math

import numpy as np

from intarsia import dtypes
from intarsia.importers.onnx.call import Call, Refused, Result, Rule
from intarsia.importers.onnx.values import Known, Map, Value
from intarsia.ops._blocks import BlockAttrs


def _shaped(call: Call, value: Value, shape: tuple[int, ...]) -> Value:
    if isinstance(value, Known):
        if value.quant is not None and value.quant.per_channel:
            raise Refused(
                "weights with scales per channel in another shape", "quantize these weights per tensor"
            )
        return Known(value.name, value.data.reshape(shape), value.quant)
    return call.builder.reshaped(value, shape)


def _extents(call: Call) -> tuple[int, ...]:
    value = call.value(0)
    return call.builder.logical(value) if isinstance(value, Map) else value.shape


def reshape(call: Call) -> Value:
    wanted = call.vector("shape", ()) if call.has("shape") else call.integers(1, "the shape")
    if wanted is None:
        raise Refused("it has no shape")
    extents = _extents(call)
    target = list(wanted)
    if not call.integer("allowzero", 0):
        if any(n == 0 and i >= len(extents) for i, n in enumerate(target)):
            raise Refused(f"the shape {target} for {list(extents)}")
        target = [extents[i] if n == 0 else n for i, n in enumerate(target)]
    elements, free = math.prod(extents), [i for i, n in enumerate(target) if n == -1]
    known = math.prod(n for n in target if n != -1)
    if len(free) == 1 and known > 0:
        target[free[0]] = elements // known
    if min(target, default=1) < 0 or math.prod(target) != elements:
        raise Refused(
            f"the shape {list(wanted)} for {list(extents)}",
            "export with a batch of 1, or with a symbolic batch",
        )
    return _shaped(call, call.value(0), tuple(target))


def flatten(call: Call) -> Value:
    extents = _extents(call)
    axis = call.integer("axis", 1)
    axis = len(extents) if axis == len(extents) else call.axis(axis, len(extents))
    return _shaped(call, call.value(0), (math.prod(extents[:axis]), math.prod(extents[axis:])))


def squeeze(call: Call) -> Value:
    extents = _extents(call)
    stated = call.vector("axes", ()) or call.integers(1, "the axes")
    axes = (
        {call.axis(a, len(extents)) for a in stated}
        if stated
        else {i for i, n in enumerate(extents) if n == 1}
    )
    if any(extents[a] != 1 for a in axes):
        raise Refused(f"axes {sorted(axes)} of {list(extents)} are not 1")
    return _shaped(call, call.value(0), tuple(n for i, n in enumerate(extents) if i not in axes))


def unsqueeze(call: Call) -> Value:
    extents = list(_extents(call))
    stated = call.vector("axes", ()) or call.integers(1, "the axes") or ()
    rank = len(extents) + len(stated)
    for axis in sorted(call.axis(a, rank) for a in stated):
        extents.insert(axis, 1)
    return _shaped(call, call.value(0), tuple(extents))


def transpose(call: Call) -> Map:
    source = call.map(0)
    order = call.vector("perm", tuple(reversed(range(source.rank))))
    if sorted(order) != list(range(source.rank)):
        raise Refused(f"axes {list(order)} are not a permutation")
    return Map(source.tensor, tuple(source.view[axis] for axis in order))


def shape(call: Call) -> Known:
    extents = np.array(_extents(call), np.int64)
    rank = len(extents)
    start, end = call.integer("start", 0), call.integer("end", rank)
    return Known(call.node.output[0], extents[slice(start, end)])


def size(call: Call) -> Known:
    return Known(call.node.output[0], np.array(math.prod(_extents(call)), np.int64))


def same(call: Call) -> Value:
    return call.value(0)


def dropout(call: Call) -> Value:
    if any(call.node.output[1:]):
        raise Refused("a mask of what is dropped", "export in evaluation mode: model.eval()")
    return call.value(0)


TYPES = {
    "FLOAT": dtypes.FLOAT32, "FLOAT16": dtypes.FLOAT32, "DOUBLE": dtypes.FLOAT32, "BFLOAT16": dtypes.FLOAT32,
    "INT32": dtypes.INT32, "INT64": dtypes.INT32, "BOOL": dtypes.BOOL, "INT8": dtypes.INT8, "INT16": dtypes.INT16,
}  # fmt: skip


def cast(call: Call) -> Map:
    from intarsia.importers.onnx.package import onnx

    kinds = onnx().TensorProto.DataType
    code = call.integer("to")
    name = kinds.Name(code) if code in kinds.values() else f"type {code}"
    source, builder = call.map(0), call.builder
    if name not in TYPES:
        raise Refused(f"to {name.lower()}")
    if TYPES[name] == builder.tensors[source.tensor].dtype:
        return source
    return Map(builder.emit("CAST", [source.tensor], dtype=TYPES[name]), source.view)


def depth_to_space(call: Call) -> Map:
    """Channels to blocks; in mode CRD a channel's block lies together, which a view says."""
    source, builder, block = call.map(0), call.builder, call.integer("blocksize")
    if source.rank != 4 or block < 1 or builder.logical(source)[1] % (block * block):
        raise Refused(f"blocks of {block} for {list(builder.logical(source))}")
    mode = call.text("mode", "DCR")
    if mode == "DCR":
        return builder.from_images(
            builder.emit("DEPTH_TO_SPACE", [builder.images(source)], BlockAttrs(block)), 4
        )
    batch, channels, rows, columns = builder.logical(source)
    depth = channels // (block * block)
    split = builder.reshaped(source, [batch, depth, block, block, rows, columns])
    view = tuple(split.view[axis] for axis in (0, 1, 4, 2, 5, 3))
    joined = builder.reshaped(Map(split.tensor, view), [batch, depth, rows * block, columns * block])
    return builder.from_images(builder.images(joined), 4)


def space_to_depth(call: Call) -> Map:
    source, builder, block = call.map(0), call.builder, call.integer("blocksize")
    if source.rank != 4 or block < 1 or any(n % block for n in builder.logical(source)[2:]):
        raise Refused(f"blocks of {block} for {list(builder.logical(source))}")
    return builder.from_images(builder.emit("SPACE_TO_DEPTH", [builder.images(source)], BlockAttrs(block)), 4)


def expand(call: Call) -> Result:
    source, builder = call.map(0), call.builder
    wanted = call.integers(1, "the shape") or ()
    rank = max(source.rank, len(wanted))
    extents = (1,) * (rank - source.rank) + builder.logical(source)
    target = (1,) * (rank - len(wanted)) + tuple(wanted)
    if any(n != t and 1 not in (n, t) for n, t in zip(extents, target, strict=True)):
        raise Refused(f"{list(extents)} to {list(wanted)}")
    times = [t if n == 1 else 1 for n, t in zip(extents, target, strict=True)]
    return _tiled(call, builder.reshaped(source, extents), times)


def tile(call: Call) -> Map:
    source, times = call.map(0), call.integers(1, "the repeats")
    if times is None or len(times) != source.rank or min(times, default=1) < 1:
        raise Refused(f"repeats {times}")
    return _tiled(call, source, list(times))


def _tiled(call: Call, source: Map, times: list[int]) -> Map:
    if all(n == 1 for n in times):
        return source
    builder = call.builder
    separated = builder.separated(source)
    physical = [1] * source.rank
    for axis, count in enumerate(times):
        physical[separated.view[axis][0]] = count
    return Map(builder.emit("TILE", [separated.tensor, builder.ints(physical)]), separated.view)


MOVED = ("RESHAPE", "TRANSPOSE")
RULES = (
    Rule(
        "Reshape",
        MOVED,
        reshape,
        "constant shapes, also those computed by Shape, Gather, Concat and the like",
    ),
    Rule("Flatten", MOVED, flatten, "before a fully connected layer the columns of its weights move instead"),
    Rule("Squeeze", MOVED, squeeze),
    Rule("Unsqueeze", MOVED, unsqueeze),
    Rule("Transpose", ("TRANSPOSE",), transpose, "only where elements really have to move"),
    Rule("Shape", (), shape),
    Rule("Size", (), size),
    Rule("Identity", (), same),
    Rule("Dropout", (), dropout),
    Rule("Cast", ("CAST",), cast),
    Rule("DepthToSpace", ("DEPTH_TO_SPACE", *MOVED), depth_to_space),
    Rule("SpaceToDepth", ("SPACE_TO_DEPTH",), space_to_depth),
    Rule("Expand", ("TILE", *MOVED), expand, "constant shapes"),
    Rule("Tile", ("TILE",), tile, "constant repeats"),
)
