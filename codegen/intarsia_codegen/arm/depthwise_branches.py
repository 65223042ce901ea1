# SPDX-License-Identifier: Apache-2.0
"""Depthwise 3x3 layers in branches of patches: over planes as in `depthwise_planar`, with code for any size."""

from __future__ import annotations

from collections.abc import Sequence

from intarsia.kernelcall import KernelCall
from intarsia_codegen.arm import depthwise_rows, emission, planes
from intarsia_codegen.arm.channels import GROUP, ChannelRun, Channels, runs_of
from intarsia_codegen.arm.depthwise import MAX_ROW_BYTES
from intarsia_codegen.arm.depthwise_planar import (
    WHOLE_SHARE,
    border,
    bytes_of,
    group_words,
    pixel_bytes,
    runs_table,
    zeros,
)
from intarsia_codegen.arm.geometry import Geometry
from intarsia_codegen.arm.layout import Layout
from intarsia_codegen.arm.matrix import widths_of
from intarsia_codegen.asm import resource
from intarsia_codegen.generated import GeneratedKernel

PLANES_BYTES = 2048
"""Aim for the four planes of a strip; patches are there to save memory."""

_TRAILING = 3


def applies(layout: Layout) -> bool:
    """Whether the planes' code takes a layer of at least four channels."""
    g = layout.first
    square = (g.kernel_h, g.kernel_w, g.dilation_h, g.dilation_w) == (3, 3, 1, 1)
    strides = g.stride_h == g.stride_w and g.stride_h in (1, 2)
    return (
        square and strides and all(map(_bordered, layout.geometries)) and 3 * _pitch(layout) <= MAX_ROW_BYTES
    )


def _bordered(g: Geometry) -> bool:
    """Whether planes need one column of border at most on each side, and every window has a row inside."""
    columns = g.pad_left <= 1 and g.pad_left + g.in_w + 1 >= g.span_w
    return columns and g.pad_top <= 2 and g.pad_top + g.in_h + 2 >= g.span_h


def _pitch(layout: Layout) -> int:
    """Bytes of a plane's row: all columns that the code loads in any branch."""
    wide = max(g.out_w for g in layout.geometries)
    columns = (wide + 1) // 2 * 2 + 2 if layout.first.stride_w == 1 else 2 * wide + 2
    return -(-2 * columns // depthwise_rows.PITCH_STEP) * depthwise_rows.PITCH_STEP


def _strip(call: KernelCall, layout: Layout) -> int:
    """Output rows at a time: all of the tallest branch if they fit the aim or save memory, else an even number."""
    tallest, stride = max(g.out_h for g in layout.geometries), layout.first.stride_h
    _, pixel = pixel_bytes(call)
    made = max(g.out_h * g.out_w * pixel for g in layout.geometries)
    if _same_extents(call, layout) and 4 * _plane_of(layout, tallest) * WHOLE_SHARE <= made:
        return tallest
    largest = max(2, (PLANES_BYTES // (4 * _pitch(layout)) - 3) // stride + 1)
    return tallest if largest >= tallest else largest // 2 * 2


def _plane(call: KernelCall, layout: Layout) -> int:
    """Bytes of a plane; two rows of outputs are always computed at a time with stride 1."""
    return _plane_of(layout, _strip(call, layout))


def _plane_of(layout: Layout, rows: int) -> int:
    return max((rows - 1) * layout.first.stride_h + 3, 4) * _pitch(layout)


def kernel(call: KernelCall, name: str, layout: Layout, channels: Channels) -> GeneratedKernel | None:
    """The kernel of a layer, or None. Cost: counted by instruction, loop by loop, over all branches."""
    g = layout.first
    found = runs_of(channels, lambda first, requantizer: group_words(channels, g, first, requantizer))
    if found is None:
        return None
    words, runs = found
    in_bits, _ = widths_of(call)
    codes = [depthwise_rows.Code(g.stride_h, _pitch(layout), run.requantizer) for run in runs]
    kinds = {_ends(geometry) for geometry in layout.geometries}
    entry = emission.branches_entry(call, name, "itr_dsp_depthwise_planar")
    text = emission.source(
        name,
        ["itr_dsp_depthwise_branch.h"],
        f"Depthwise 3x3 convolution of {g.in_c} channels, for branches.",
        [
            emission.labels(
                [*(c.name for c in codes), *(planes.ends_name(*kind, in_bits) for kind in sorted(kinds))]
            ),
            emission.int32_array(name, "stream", words),
            runs_table(name, runs, [c.name for c in codes], [c.channel_words for c in codes]),
            emission.struct("itr_dsp_depthwise_branches", _fields(call, layout, kinds, len(runs))),
        ],
        entry,
    )
    shared = (
        "itr_dsp_depthwise.h",
        "itr_dsp_extent.h",
        "itr_dsp_depthwise_branch.h",
        "itr_dsp_depthwise_branch.c",
    )
    transpositions = [planes.ends_code(*kind, in_bits) for kind in sorted(kinds)]
    code = {c.name: depthwise_rows.source(c) for c in codes}
    return GeneratedKernel(
        name,
        entry.prototype + ";",
        (
            text,
            *map(resource, shared),
            planes.entry(),
            *transpositions,
            depthwise_rows.entry(),
            *code.values(),
        ),
        sum(_cost(call, geometry, layout, runs, codes) for geometry in layout.geometries),
        scratch=4 * _plane(call, layout),
        inplace=((0, 0),) if _inplace(call, layout) else (),
        stack_bytes={planes.ENTRY: planes.STACK_BYTES, depthwise_rows.ENTRY: depthwise_rows.STACK_BYTES},
        takes_params=True,
    )


def _inplace(call: KernelCall, layout: Layout) -> bool:
    return _same_extents(call, layout) and all(g.out_h <= _strip(call, layout) for g in layout.geometries)


def _same_extents(call: KernelCall, layout: Layout) -> bool:
    in_bits, out_bits = widths_of(call)
    same = all((g.in_h, g.in_w) == (g.out_h, g.out_w) for g in layout.geometries)
    return same and in_bits == out_bits and layout.first.in_c % GROUP == 0


def _ends(g: Geometry) -> tuple[bool, int]:
    """How rows of the planes begin and end, as `itr_dsp_depthwise_planar_branch` finds out."""
    left, columns = max(g.pad_left, 0), g.in_w + min(g.pad_left, 0)
    needed = -(-g.span_w // 2)
    pairs = min(needed - left, (columns - left) // 2)
    if needed == left + pairs:
        return bool(left), 0
    return bool(left), 1 if left + 2 * pairs < columns else 2


def _fields(
    call: KernelCall, layout: Layout, kinds: set[tuple[bool, int]], run_count: int
) -> dict[str, object]:
    """Fields of itr_dsp_depthwise_branches."""
    in_bits, _ = widths_of(call)
    codes = [
        ", ".join(planes.ends_name(left, t, in_bits) if (left, t) in kinds else "0" for t in range(_TRAILING))
        for left in (False, True)
    ]
    return {
        "planes": "{" + ", ".join(f"{{{row}}}" for row in codes) + "}",
        "bytes": bytes_of(call),
        "runs": "runs",
        "run_count": run_count,
        "pitch": _pitch(layout),
        "plane": _plane(call, layout),
        "border": border(call),
        "zeros": zeros(call),
        "stride": layout.first.stride_h,
        "strip": _strip(call, layout),
    }


def _cost(
    call: KernelCall,
    g: Geometry,
    layout: Layout,
    runs: Sequence[ChannelRun],
    codes: Sequence[depthwise_rows.Code],
) -> int:
    """Instructions of one branch: transposition and products of four channels, strip by strip."""
    strips = -(-g.out_h // _strip(call, layout))
    height = min(g.span_h, g.in_h) + (strips - 1) * (g.kernel_h - g.stride_h)
    row = 23 + 17 * -(-g.span_w // 2)
    total = strips * 6 * _pitch(layout) * (g.kernel_h - 1)
    for run, code in zip(runs, codes, strict=True):
        group = height * row + depthwise_rows.instructions(code, g.out_h, g.out_w) + 80 * strips
        total += (run.end - run.first) // GROUP * group
    return total
