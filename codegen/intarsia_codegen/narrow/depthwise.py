# SPDX-License-Identifier: Apache-2.0
"""Depthwise 3x3 layers below 8 bits as products of polynomials: sources of one layer."""

from __future__ import annotations

import numpy as np

from intarsia.dtypes import BY_BITS
from intarsia.fixedpoint import Int64Array
from intarsia.kernelcall import KernelCall
from intarsia_codegen.arm.geometry import Geometry
from intarsia_codegen.arm.layout import Layout
from intarsia_codegen.arm.matrix import counted_zero, rule_of
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.narrow import chain
from intarsia_codegen.narrow.chain import LANES, Code
from intarsia_codegen.narrow.fit import WORD_SCALE, Line, fit
from intarsia_codegen.narrow.layer import narrow_layer
from intarsia_codegen.narrow.outer import finish_of
from intarsia_codegen.narrow.sources import labels, resource, struct
from intarsia_codegen.narrow.sources import words as words_of
from intarsia_codegen.packed.entry import Entry

BITS = 4
"""Of input and output."""

PLANE_BYTES, BRANCH_PLANE_BYTES = 6144, 2048
"""Aims for the rows that are held as words at a time; patches are there to save memory."""

WHOLE_SHARE = 2
"""Planes of the whole height work in place: they may take this part of the feature map that this saves."""


def depthwise(call: KernelCall, name: str, weight_bits: int) -> GeneratedKernel | None:
    """The kernel of a `depthwise_conv_2d_packed` call, or None when it has no exact form."""
    channels = call.integer("in_c")
    layout = Layout.of(call, channels)
    if not _applies(call, layout):
        return None
    matrix = call.constant("weights").reshape(9, channels).T
    layer = narrow_layer(call, matrix, rule_of(call, channels).apply, weight_bits)
    taps = np.zeros((channels + channels % 2, 3, 3), np.int64)
    taps[:channels] = layer.matrix.reshape(channels, 3, 3)
    stride = layout.first.stride_h
    if not chain.holds(taps, stride):
        return None
    line = fit(layer, chain.starts(taps, stride)[:channels, 2] - layer.bias, WORD_SCALE)
    if line is None:
        return None
    code = Code(stride, _pitch(layout), finish_of(layer, line, WORD_SCALE, None))
    return _kernel(call, name, layout, code, _stream(taps, stride, line))


def _applies(call: KernelCall, layout: Layout) -> bool:
    """Whether the code takes a layer: see `itr_dsp_chain.c` for how rows are cut."""
    g = layout.first
    window = (g.kernel_h, g.kernel_w, g.dilation_h, g.dilation_w)
    strides = g.stride_h == g.stride_w and g.stride_h in (1, 2)
    widths = (call.integer("in_bits"), call.integer("out_bits"))
    single = call.integer("multiplier") == 1 and counted_zero(call) == 0
    if window != (3, 3, 1, 1) or not strides or widths != (BITS, BITS) or not single:
        return False
    return layout.served and all(map(_bordered, layout.geometries)) and _pitch(layout) <= chain.MAX_PITCH


def _bordered(g: Geometry) -> bool:
    """Whether a column of border at most is needed on each side, and every window has a row inside."""
    before = max(g.pad_left, 0)
    columns = before <= 2 - g.stride_w and g.out_w + 2 - g.stride_w > 1 + before
    reach = g.span_w - g.pad_left <= g.in_w + 1
    return columns and reach and g.pad_top <= 2 and g.span_h - g.pad_top <= g.in_h + 2


def _blocks(g: Geometry) -> tuple[int, int]:
    """Whole blocks of a row, and columns of the one behind them."""
    width = min(g.in_w + min(g.pad_left, 0), g.span_w - max(g.pad_left, 0))
    return divmod(width, LANES * g.stride_w)


def _pitch(layout: Layout) -> int:
    """Bytes of a plane's row: the blocks of the widest branch."""
    most = max(whole + (left > 0) for whole, left in map(_blocks, layout.geometries))
    return chain.block_bytes(layout.first.stride_w) * most


def _stream(taps: Int64Array, stride: int, line: Line) -> np.ndarray:
    """Constants of pairs of channels [pairs, words] in the order of `chain`."""
    pairs = len(taps) // 2
    words = chain.weight_words(taps, stride).reshape(pairs, 2, 3, stride)
    order = (0, 1, 3, 2) if stride == 1 else (0, 2, 3, 1)
    columns = [
        words.transpose(order).reshape(pairs, -1),
        chain.start_words(taps, stride).reshape(pairs, 4),
        line.of_pairs(2 * pairs),
    ]
    return np.concatenate(columns, axis=1)


def _strip(call: KernelCall, layout: Layout) -> int:
    """Output rows at a time: all if they fit the aim or save memory, else as many as waste least."""
    pitch, tallest = _pitch(layout), max(g.out_h for g in layout.geometries)
    made = max(g.out_h * g.out_w for g in layout.geometries) * _pixel(call)
    if _same_extents(layout) and pitch * (tallest + 2) * WHOLE_SHARE <= made:
        return tallest
    aim = BRANCH_PLANE_BYTES if layout.branches else PLANE_BYTES
    most = max(1, (aim // pitch - 3) // layout.first.stride_h + 1)
    strips = -(-tallest // most)
    return -(-tallest // strips)


def _pixel(call: KernelCall) -> int:
    return BY_BITS[BITS].run_bytes(call.integer("in_c"))


def _same_extents(layout: Layout) -> bool:
    return all((g.in_h, g.in_w) == (g.out_h, g.out_w) for g in layout.geometries)


def _kernel(call: KernelCall, name: str, layout: Layout, code: Code, stream: np.ndarray) -> GeneratedKernel:
    strip, (pairs, words) = _strip(call, layout), stream.shape
    expand, entry_code = chain.expand(code.stride), chain.entry(code.stride)
    fields = {
        "entry": entry_code.name.removesuffix(".S"),
        "expand": expand.name.removesuffix(".S"),
        "code": code.name,
        "stream": f"{name}_stream",
        "pair_words": words,
        "pairs": pairs,
        "pitch": code.pitch,
        "strip": strip,
    }
    parts = [
        labels([code.name]),
        words_of(name, "stream", stream.reshape(-1).tolist()),
        struct("itr_dsp_chain_layer", fields),
    ]
    entry = Entry(call, name)
    comment = f"Depthwise 3x3 convolution of {call.integer('in_c')} channels of {BITS} bits."
    text = entry.source(comment, ["itr_dsp_chain.h"], parts, "itr_dsp_chain_depthwise")
    shared = [resource("itr_dsp_chain.h"), resource("itr_dsp_chain.c")]
    shared += [expand, entry_code, chain.rows(code)]
    whole = _same_extents(layout) and all(g.out_h <= strip for g in layout.geometries)
    return GeneratedKernel(
        name,
        f"{entry.prototype};",
        (text, *shared),
        sum(cost(g, code, strip, pairs) for g in layout.geometries),
        scratch=code.pitch * ((min(strip, max(g.out_h for g in layout.geometries)) - 1) * code.stride + 3),
        inplace=((0, 0),) if whole else (),
        stack_bytes={
            str(fields["entry"]): chain.STACK_BYTES,
            str(fields["expand"]): chain.EXPAND_STACK_BYTES,
        },
        takes_params=entry.takes_params,
    )


def cost(g: Geometry, code: Code, strip: int, pairs: int) -> int:
    """Instructions: rows that are expanded and computed, pair of channels by pair, strip by strip."""
    whole, left = _blocks(g)
    beginning = 1 + max(g.pad_left, 0) if code.stride == 1 else 2
    middle, rest = divmod(g.out_w - beginning, LANES)
    expanded = whole * (chain.spread_instructions(code.stride) + 2) + 12 + (22 * code.stride if left else 0)
    row = chain.instructions(code, beginning) + middle * (chain.instructions(code, LANES) + 3) + 24
    if rest:
        row += chain.instructions(code, rest) if left else chain.tail_instructions(code)
    total = 0
    for y in range(0, g.out_h, strip):
        rows = min(strip, g.out_h - y)
        top = y * code.stride - g.pad_top
        inside = min((rows - 1) * code.stride + 3, g.in_h - top) - max(-top, 0)
        total += pairs * (inside * expanded + rows * row + 60) + 60
    return g.batch * total
