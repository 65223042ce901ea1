# SPDX-License-Identifier: Apache-2.0
"""Depthwise 3x3 layers below 8 bits as products of polynomials: sources of one layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from intarsia.dtypes import BY_BITS
from intarsia.fixedpoint import Int64Array
from intarsia.kernelcall import KernelCall
from intarsia_codegen.arm.geometry import Geometry
from intarsia_codegen.arm.layout import Layout
from intarsia_codegen.arm.matrix import counted_zero, rule_of
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.narrow import chain
from intarsia_codegen.narrow.chain import BLOCK_BYTES, LANES, PAIR_WORDS, Code
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
    if not chain.holds(taps):
        return None
    line = fit(layer, chain.starts(taps)[:channels, 2] - layer.bias, WORD_SCALE)
    if line is None:
        return None
    code = Code(_pitch(layout), finish_of(layer, line, WORD_SCALE, None))
    return _kernel(call, name, layout, code, _stream(taps, line))


def _applies(call: KernelCall, layout: Layout) -> bool:
    """Whether the code takes a layer: see `itr_dsp_chain.c` for how rows are cut."""
    g = layout.first
    window = (g.kernel_h, g.kernel_w, g.stride_h, g.stride_w, g.dilation_h, g.dilation_w)
    widths = (call.integer("in_bits"), call.integer("out_bits"))
    single = call.integer("multiplier") == 1 and counted_zero(call) == 0
    if window != (3, 3, 1, 1, 1, 1) or widths != (BITS, BITS) or not single:
        return False
    return layout.served and all(map(_bordered, layout.geometries)) and _pitch(layout) <= chain.MAX_PITCH


def _bordered(g: Geometry) -> bool:
    """Whether a column of border at most is needed on each side, and every window has a row inside."""
    before = max(g.pad_left, 0)
    columns = before <= 1 and g.out_w > before and g.span_w - g.pad_left <= g.in_w + 1
    return columns and g.pad_top <= 2 and g.span_h - g.pad_top <= g.in_h + 2


def _blocks(g: Geometry) -> tuple[int, int]:
    """Whole blocks of a row, and columns of the one behind them."""
    width = min(g.in_w + min(g.pad_left, 0), g.out_w + 2 - max(g.pad_left, 0))
    return divmod(width, LANES)


def _pitch(layout: Layout) -> int:
    """Bytes of a plane's row: the blocks of the widest branch."""
    return BLOCK_BYTES * max(whole + (left > 0) for whole, left in map(_blocks, layout.geometries))


def _stream(taps: Int64Array, line: Line) -> list[int]:
    """Constants of pairs of channels in the order of `chain`."""
    pairs = len(taps) // 2
    columns = [
        chain.weight_words(taps).reshape(pairs, 6),
        chain.start_words(taps).reshape(pairs, 4),
        line.of_pairs(2 * pairs),
    ]
    words: list[int] = np.concatenate(columns, axis=1).reshape(-1).tolist()
    return words


def _strip(call: KernelCall, layout: Layout) -> int:
    """Output rows at a time: all if they fit the aim or save memory, else as many as waste least."""
    pitch, tallest = _pitch(layout), max(g.out_h for g in layout.geometries)
    made = max(g.out_h * g.out_w for g in layout.geometries) * _pixel(call)
    if _same_extents(layout) and pitch * (tallest + 2) * WHOLE_SHARE <= made:
        return tallest
    most = max(1, (BRANCH_PLANE_BYTES if layout.branches else PLANE_BYTES) // pitch - 2)
    strips = -(-tallest // most)
    return -(-tallest // strips)


def _pixel(call: KernelCall) -> int:
    return BY_BITS[BITS].run_bytes(call.integer("in_c"))


def _same_extents(layout: Layout) -> bool:
    return all((g.in_h, g.in_w) == (g.out_h, g.out_w) for g in layout.geometries)


def _kernel(
    call: KernelCall, name: str, layout: Layout, code: Code, stream: Sequence[int]
) -> GeneratedKernel:
    strip, pairs = _strip(call, layout), len(stream) // PAIR_WORDS
    fields = {
        "code": code.name,
        "stream": f"{name}_stream",
        "pairs": pairs,
        "pitch": code.pitch,
        "strip": strip,
    }
    parts = [labels([code.name]), words_of(name, "stream", stream), struct("itr_dsp_chain_layer", fields)]
    entry = Entry(call, name)
    comment = f"Depthwise 3x3 convolution of {call.integer('in_c')} channels of {BITS} bits."
    text = entry.source(comment, ["itr_dsp_chain.h"], parts, "itr_dsp_chain_depthwise")
    shared = [resource("itr_dsp_chain.h"), resource("itr_dsp_chain.c")]
    shared += [chain.expand(), chain.entry(), chain.rows(code)]
    whole = _same_extents(layout) and all(g.out_h <= strip for g in layout.geometries)
    return GeneratedKernel(
        name,
        f"{entry.prototype};",
        (text, *shared),
        sum(cost(g, code, strip, pairs) for g in layout.geometries),
        scratch=code.pitch * (min(strip, max(g.out_h for g in layout.geometries)) + 2),
        inplace=((0, 0),) if whole else (),
        stack_bytes={chain.BASE: chain.STACK_BYTES, chain.EXPAND: chain.EXPAND_STACK_BYTES},
        takes_params=entry.takes_params,
    )


def cost(g: Geometry, code: Code, strip: int, pairs: int) -> int:
    """Instructions: rows that are expanded and computed, pair of channels by pair, strip by strip."""
    whole, left = _blocks(g)
    before = max(g.pad_left, 0)
    middle, rest = divmod(g.out_w - 1 - before, LANES)
    expanded = 12 * whole + 11 * bool(left) + 13
    row = chain.instructions(code, 1 + before) + middle * (chain.instructions(code, LANES) + 3) + 24
    if rest:
        row += chain.instructions(code, rest) if left else chain.tail_instructions(code)
    total = 0
    for y in range(0, g.out_h, strip):
        rows = min(strip, g.out_h - y)
        top = y - g.pad_top
        inside = min(rows + 2, g.in_h - top) - max(-top, 0)
        total += pairs * (inside * expanded + rows * row + 60) + 60
    return g.batch * total
