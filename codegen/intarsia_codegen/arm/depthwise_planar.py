# SPDX-License-Identifier: Apache-2.0
"""Depthwise 3x3 layers over planes of halfwords: the strips, the streams and the C of a layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from intarsia.dtypes import BY_BITS
from intarsia.fixedpoint import Int64Array
from intarsia.kernelcall import KernelCall
from intarsia_codegen.arm import depthwise, emission, planes
from intarsia_codegen.arm.channels import GROUP, ChannelRun, Channels, runs_of
from intarsia_codegen.arm.geometry import Geometry
from intarsia_codegen.arm.matrix import counted_zero, halves, widths_of
from intarsia_codegen.arm.requantize import Requantizer
from intarsia_codegen.asm import resource
from intarsia_codegen.generated import GeneratedKernel

PLANES_BYTES = 6144
"""Aim for the four planes of a strip."""

WHOLE_SHARE = 2
"""Planes of the whole height work in place: they may take this part of the feature map that this saves."""


def applies(g: Geometry) -> bool:
    """Whether the planes' code takes a layer of at least four channels."""
    square = (g.kernel_h, g.kernel_w, g.dilation_h, g.dilation_w) == (3, 3, 1, 1)
    strides = g.stride_h == g.stride_w and g.stride_h in (1, 2)
    borders = g.pad_left <= 1 and g.pad_left + g.in_w + 1 >= g.span_w
    tall = g.stride_h == 2 or g.out_h >= 2
    return square and strides and borders and tall and 3 * _pitch(g) + 16 <= depthwise.MAX_ROW_BYTES


def groups_packed(call: KernelCall) -> bool:
    """Whether groups of four channels begin at bytes, in input and output."""
    return widths_of(call) == (8, 8) or call.integer("in_c") % GROUP == 0


def pixel_bytes(call: KernelCall) -> tuple[int, int]:
    """Bytes of a pixel of the input and of the output."""
    source, target = (BY_BITS[bits].run_bytes(call.integer("in_c")) for bits in widths_of(call))
    return source, target


def bytes_of(call: KernelCall) -> str:
    """Initialiser of itr_dsp_depthwise_bytes."""
    (in_pixel, out_pixel), (in_bits, out_bits) = pixel_bytes(call), widths_of(call)
    return f"{{{in_pixel}, {in_bits // 2}, {out_pixel}, {out_bits // 2}}}"


def zeros(call: KernelCall) -> str:
    """Two zero points in a word of a plane."""
    return f"0x{(counted_zero(call) & 0xFFFF) * 0x10001:08x}u"


def border(call: KernelCall) -> str:
    """Four channels of a pixel of zero points."""
    in_bits, _ = widths_of(call)
    packed = BY_BITS[in_bits].pack(np.full(GROUP, call.integer("in_zero"), np.int8))
    return f"0x{int.from_bytes(packed, 'little'):08x}u"


def _pitch(g: Geometry) -> int:
    """Bytes of a plane's row: all columns that the code loads."""
    columns = (g.out_w + 1) // 2 * 2 + 2 if g.stride_w == 1 else 2 * g.out_w + 2
    return 2 * columns


def _plane(g: Geometry, rows: int) -> int:
    """Bytes of a plane for so many rows of outputs."""
    return ((rows - 1) * g.stride_h + 3) * _pitch(g)


def _in_place(call: KernelCall, g: Geometry) -> bool:
    """Whether outputs may take the place of the inputs once all rows of four channels are in the planes."""
    in_bits, out_bits = widths_of(call)
    same = (g.in_h, g.in_w, in_bits) == (g.out_h, g.out_w, out_bits)
    return same and g.in_c % GROUP == 0


def _strip(call: KernelCall, g: Geometry) -> int:
    """Output rows at a time: all if they fit the aim or save memory, else an even number that wastes least."""
    made = g.batch * g.out_h * g.out_w * pixel_bytes(call)[1]
    if _in_place(call, g) and 4 * _plane(g, g.out_h) * WHOLE_SHARE <= made:
        return g.out_h
    largest = max(1, (PLANES_BYTES // (4 * _pitch(g)) - 3) // g.stride_h + 1)
    if largest >= g.out_h:
        return g.out_h
    choices = list(range(2, min(largest, g.out_h) + 1, 2)) or [min(2, g.out_h)]
    return min(choices, key=lambda r: (-(-g.out_h // r) * (r * g.stride_h + 3), -r))


def kernel(call: KernelCall, name: str, g: Geometry, channels: Channels) -> GeneratedKernel | None:
    """The kernel of a layer, or None. Cost: counted by instruction, loop by loop."""
    layout = runs_of(channels, lambda first, requantizer: group_words(channels, g, first, requantizer))
    if layout is None:
        return None
    words, runs = layout
    in_bits, _ = widths_of(call)
    rows, pitch, row = _strip(call, g), _pitch(g), row_of(g, in_bits)
    _, pixel = pixel_bytes(call)
    plane = _plane(g, rows)
    shapes = [depthwise.Shape(g.stride_h, g.out_w, pixel, rows, pitch, plane, r.requantizer) for r in runs]
    entry = emission.entry(name, "itr_dsp_depthwise_planar", emission.operands(call))
    text = emission.source(
        name,
        ["itr_dsp_depthwise.h"],
        f"Depthwise 3x3 convolution, {g.in_h}x{g.in_w}x{g.in_c} to {g.out_h}x{g.out_w}.",
        [
            emission.labels([*(shape.name for shape in shapes), row.name]),
            emission.int32_array(name, "stream", words),
            runs_table(name, runs, [s.name for s in shapes], [s.channel_words for s in shapes]),
            emission.struct("itr_dsp_depthwise_layer", _fields(call, g, row, pitch, plane, len(runs))),
        ],
        entry,
    )
    shared = [resource(n) for n in ("itr_dsp_depthwise.h", "itr_dsp_depthwise.c")]
    code = {shape.name: depthwise.code(shape) for shape in shapes}
    return GeneratedKernel(
        name,
        entry.prototype + ";",
        (text, *shared, planes.entry(), planes.code(row), depthwise.entry(), *code.values()),
        _cost(call, g, runs, shapes, row),
        scratch=4 * plane,
        inplace=((0, 0),) if rows == g.out_h and _in_place(call, g) else (),
        stack_bytes={planes.ENTRY: planes.STACK_BYTES, depthwise.ENTRY: depthwise.STACK_BYTES},
    )


def _fields(
    call: KernelCall, g: Geometry, row: planes.Row, pitch: int, plane: int, run_count: int
) -> dict[str, object]:
    """Fields of itr_dsp_depthwise_layer."""
    return {
        "shape": _planes_shape(call, g, row, pitch, plane),
        "bytes": bytes_of(call),
        "runs": "runs",
        "run_count": run_count,
        "row_words": pitch // 4,
        "zeros": zeros(call),
        "batch": g.batch,
        "in_h": g.in_h,
        "in_w": g.in_w,
        "out_h": g.out_h,
        "out_w": g.out_w,
        "stride": g.stride_h,
        "pad_top": g.pad_top,
        "strip": _strip(call, g),
    }


def runs_table(name: str, runs: Sequence[ChannelRun], codes: Sequence[str], words: Sequence[int]) -> str:
    """The `itr_dsp_depthwise_run` array of a layer: code and words of the stream per channel of each run."""
    rows = [
        f"    {{{name}_stream + {run.start}, {code}, {count}, {run.first}, {run.end}}},\n"
        for run, code, count in zip(runs, codes, words, strict=True)
    ]
    return f"static const itr_dsp_depthwise_run runs[{len(runs)}] = {{\n{''.join(rows)}}};\n"


def row_of(g: Geometry, bits: int) -> planes.Row:
    """What the rows of the planes are made of."""
    needed = -(-g.span_w // 2)
    pairs = min(needed - g.pad_left, (g.in_w - g.pad_left) // 2)
    rest = needed - g.pad_left - pairs
    more = g.pad_left + 2 * pairs < g.in_w
    return planes.Row(bool(g.pad_left), pairs, 0 if rest == 0 else (1 if more else 2), bits)


def _planes_shape(call: KernelCall, g: Geometry, row: planes.Row, pitch: int, plane: int) -> str:
    """Initialiser of itr_dsp_planes_shape."""
    pixel, _ = pixel_bytes(call)
    row_step = (g.in_w - row.passed) * pixel
    values = (pixel, plane, row_step, pitch - 4 * row.words, row.pairs)
    return f"{{{row.name}, {', '.join(map(str, values))}, {border(call)}}}"


def group_words(channels: Channels, g: Geometry, first: int, requantizer: Requantizer) -> list[int]:
    """Weights, bias and constants of four channels, each in the order of `depthwise`."""
    words: list[int] = []
    for channel in range(first, first + GROUP):
        words += _weights(channels.scaled(channel), g.stride_h)
        words.append(channels.start(channel, requantizer))
        words += channels.plan.constants(requantizer, channel)
        words += channels.plan.limits if requantizer.clamps else ()
    return words


def _weights(w: Int64Array, stride: int) -> list[int]:
    """Pairs of weights of one channel."""
    if stride == 1:
        low = np.array([w[k] for row in range(3) for k in (3 * row, 3 * row + 1)])
        high = np.array([w[k] for row in range(3) for k in (3 * row + 1, 3 * row + 2)])
    else:
        low = np.array([w[0], w[3], w[6], w[2], w[8]])
        high = np.array([w[1], w[4], w[7], w[5], 0])
    words: list[int] = halves(low, high).tolist()
    return words


def _cost(
    call: KernelCall, g: Geometry, runs: list[ChannelRun], shapes: list[depthwise.Shape], row: planes.Row
) -> int:
    """Instructions: transposition and products of four channels, strip by strip."""
    rows = _strip(call, g)
    strips = -(-g.out_h // rows)
    height = min((rows - 1) * g.stride_h + 3, g.in_h)
    strip = 6 * _pitch(g) * (g.kernel_h - 1)
    for run, shape in zip(runs, shapes, strict=True):
        group = height * row.instructions + depthwise.instructions(shape) + 65
        strip += (run.end - run.first) // GROUP * group
    return g.batch * strips * strip
