# SPDX-License-Identifier: Apache-2.0
"""Parts of feature maps, and feature maps joined."""

from __future__ import annotations

import numpy as np

from intarsia.importers.onnx.builder import order_of
from intarsia.importers.onnx.call import Call, Refused, Rule
from intarsia.importers.onnx.values import Known, Map
from intarsia.ops.concatenation import ConcatenationAttrs
from intarsia.ops.gather import GatherAttrs
from intarsia.ops.mirror_pad import MirrorPadAttrs
from intarsia.ops.split import SplitAttrs
from intarsia.ops.split_v import SplitVAttrs
from intarsia.ops.strided_slice import StridedSliceAttrs


def concat(call: Call) -> Map:
    builder = call.builder
    parts = [call.map(position) for position in range(len(call.operands))]
    rank = parts[0].rank
    axis = call.axis(call.integer("axis"), rank)
    if any(part.rank != rank for part in parts):
        raise Refused("operands of different ranks")
    if len(parts) == 1:
        return parts[0]
    leader = max(parts, key=lambda part: builder.tensors[part.tensor].elements)
    order = order_of(leader.view, builder.shape(leader.tensor))
    laid = [builder.ordered(part, order) for part in parts]
    place = laid[0].view[axis][0]
    tensor = builder.emit("CONCATENATION", [part.tensor for part in laid], ConcatenationAttrs(place))
    return Map(tensor, laid[0].view)


def split(call: Call) -> list[Map]:
    source, builder, count = call.map(0), call.builder, len(call.node.output)
    axis = call.axis(call.integer("axis", 0), source.rank)
    extent = builder.logical(source)[axis]
    sizes = list(call.vector("split", ()) or call.integers(1, "the sizes") or ())
    if not sizes:
        each = -(-extent // count)
        sizes = [each] * (extent // each) + ([extent % each] if extent % each else [])
    if len(sizes) != count or sum(sizes) != extent or min(sizes) < 1:
        raise Refused(f"parts of {sizes} of an axis of {extent}")
    separated = builder.separated(source)
    place = builder.constant(np.array(separated.view[axis][0], np.int32))
    if len(set(sizes)) == 1:
        tensors = builder.emit_all("SPLIT", [place, separated.tensor], SplitAttrs(count))
    else:
        inputs = [separated.tensor, builder.ints(sizes), place]
        tensors = builder.emit_all("SPLIT_V", inputs, SplitVAttrs(count))
    return [Map(tensor, separated.view) for tensor in tensors]


def cut(call: Call) -> Map:
    source, builder = call.map(0), call.builder
    starts = call.vector("starts", ()) if call.has("starts") else call.integers(1, "the starts") or ()
    ends = call.vector("ends", ()) if call.has("ends") else call.integers(2, "the ends") or ()
    axes = call.vector("axes", ()) or call.integers(3, "the axes") or tuple(range(len(starts)))
    steps = call.integers(4, "the steps") or (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise Refused("starts, ends, axes and steps do not go together")
    separated = builder.separated(source)
    shape = builder.shape(separated.tensor)
    ranges = [range(extent) for extent in shape]
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        if step == 0:
            raise Refused("a step of 0")
        place = separated.view[call.axis(axis, source.rank)][0]
        ranges[place] = range(shape[place])[slice(start, end, step)]
    if any(len(kept) == 0 for kept in ranges):
        raise Refused(f"nothing is left of {list(builder.logical(source))}")
    return Map(_taken(call, separated.tensor, ranges), separated.view)


def _taken(call: Call, tensor: int, ranges: list[range]) -> int:
    builder = call.builder
    shape = builder.shape(tensor)
    if all(kept == range(extent) for kept, extent in zip(ranges, shape, strict=True)):
        return tensor
    begins, sizes = (
        builder.ints([kept.start for kept in ranges]),
        builder.ints([len(kept) for kept in ranges]),
    )
    if all(kept.step == 1 for kept in ranges):
        return builder.emit("SLICE", [tensor, begins, sizes])
    backwards = [axis for axis, kept in enumerate(ranges) if kept.step < 0]
    mask = sum(1 << axis for axis in backwards if ranges[axis][-1] + ranges[axis].step < 0)
    ends = builder.ints([kept[-1] + (1 if kept.step > 0 else -1) for kept in ranges])
    steps = builder.ints([kept.step for kept in ranges])
    return builder.emit("STRIDED_SLICE", [tensor, begins, ends, steps], StridedSliceAttrs(end_mask=mask))


def gather(call: Call) -> Map:
    source, builder = call.value(0), call.builder
    if isinstance(source, Known):
        return _looked_up(call, source)
    axis = call.axis(call.integer("axis", 0), source.rank)
    indices = call.known(1, "the indices").data
    extent = builder.logical(source)[axis]
    indices = np.where(indices < 0, indices + extent, indices)
    if indices.dtype.kind not in "iu" or indices.min(initial=0) < 0 or indices.max(initial=0) >= extent:
        raise Refused(f"indices beyond an axis of {extent}")
    if indices.ndim > 1:
        plain = builder.plain(source)
        taken = builder.emit("GATHER", [plain, builder.constant(indices.astype(np.int32))], GatherAttrs(axis))
        return Map(taken, tuple((a,) for a in range(len(builder.shape(taken)))))
    separated = builder.separated(source)
    place = separated.view[axis][0]
    vector = indices.reshape(-1).astype(np.int32)
    ranges = [range(n) for n in builder.shape(separated.tensor)]
    step = int(vector[1] - vector[0]) if vector.size > 1 else 1
    run = range(int(vector[0]), int(vector[-1]) + step, step) if step > 0 and vector.size else range(0)
    if list(run) == vector.tolist():
        ranges[place] = run
        tensor = _taken(call, separated.tensor, ranges)
    else:
        tensor = builder.emit("GATHER", [separated.tensor, builder.constant(vector)], GatherAttrs(place))
    result = Map(tensor, separated.view)
    if indices.ndim:
        return result
    shape = builder.logical(result)
    return builder.reshaped(result, (*shape[:axis], *shape[axis + 1 :]))


def _looked_up(call: Call, table: Known) -> Map:
    """Rows of a constant that a feature map of indices names: an embedding."""
    builder, indices = call.builder, call.map(1)
    axis = call.axis(call.integer("axis", 0), table.data.ndim)
    rows = builder.constant(table.real().astype(np.float32), name=table.name)
    taken = builder.emit(
        "GATHER", [rows, builder.plain(indices)], GatherAttrs(axis), dtype=builder.tensors[rows].dtype
    )
    return Map(taken, tuple((a,) for a in range(len(builder.shape(taken)))))


def pad(call: Call) -> Map:
    source, builder, mode = call.map(0), call.builder, call.text("mode", "constant")
    stated = call.vector("pads", ()) if call.has("pads") else call.integers(1, "the pads") or ()
    axes = call.integers(3, "the axes") or tuple(range(source.rank))
    if len(stated) != 2 * len(axes) or max(map(abs, stated), default=0) >= 1 << 31:
        raise Refused(f"pads {list(stated)} for {source.rank} dimensions")
    separated = builder.separated(source)
    pairs = np.zeros((source.rank, 2), np.int32)
    for position, axis in enumerate(axes):
        place = separated.view[call.axis(axis, source.rank)][0]
        pairs[place] = stated[position], stated[position + len(axes)]
    tensor = separated.tensor
    if (pairs < 0).any():
        ranges = [
            range(max(-int(before), 0), extent + min(int(behind), 0))
            for extent, (before, behind) in zip(builder.shape(tensor), pairs, strict=True)
        ]
        if any(len(kept) == 0 for kept in ranges):
            raise Refused(f"pads {list(stated)}: nothing is left")
        tensor, pairs = _taken(call, tensor, ranges), np.maximum(pairs, 0)
    if not pairs.any():
        return Map(tensor, separated.view)
    return Map(_bordered(call, tensor, builder.constant(pairs), mode), separated.view)


def _bordered(call: Call, tensor: int, borders: int, mode: str) -> int:
    builder = call.builder
    if mode == "reflect":
        return builder.emit("MIRROR_PAD", [tensor, borders], MirrorPadAttrs("REFLECT"))
    if mode != "constant":
        raise Refused(f"mode '{mode}'", "pad with a constant or by reflection")
    value = call.number("value", 0.0)
    if call.operand(2) is not None:
        number = call.known(2, "the value").real().reshape(-1)
        value = float(number[0]) if number.size else 0.0
    if value == 0.0:
        return builder.emit("PAD", [tensor, borders])
    return builder.emit("PADV2", [tensor, borders, builder.constant(np.array([value], np.float32))])


RULES = (
    Rule("Concat", ("CONCATENATION",), concat),
    Rule("Split", ("SPLIT", "SPLIT_V"), split, "constant sizes"),
    Rule("Slice", ("SLICE", "STRIDED_SLICE"), cut, "constant ranges"),
    Rule(
        "Gather",
        ("GATHER", "SLICE", "STRIDED_SLICE", "RESHAPE"),
        gather,
        "constant indices, or a constant table",
    ),
    Rule("Pad", ("PAD", "PADV2", "MIRROR_PAD", "SLICE"), pad, "modes constant and reflect, constant pads"),
)
