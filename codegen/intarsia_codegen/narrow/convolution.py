# SPDX-License-Identifier: Apache-2.0
"""Convolutions below 8 bits by outer products: sources of one layer."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, product

import numpy as np

from intarsia.dtypes import BY_BITS
from intarsia.kernelcall import KernelCall
from intarsia_codegen.arm.emission import int8_array
from intarsia_codegen.arm.matrix import rule_of
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.narrow import expand, outer
from intarsia_codegen.narrow.cut import Cut, cuts
from intarsia_codegen.narrow.fit import FINE_SCALE, SUM_SCALES, WORD_SCALE, Line, fit
from intarsia_codegen.narrow.layer import Narrow, narrow_layer, variants
from intarsia_codegen.narrow.outer import Finish, finish_of
from intarsia_codegen.narrow.sources import labels, resource, struct
from intarsia_codegen.narrow.sources import words as words_of
from intarsia_codegen.narrow.stream import Tiling, excess_of, stream
from intarsia_codegen.packed.entry import Entry

BLOCK = 9
"""Pixels that scratch holds, for the most that a layer computes at a time."""


def outer_convolution(call: KernelCall, name: str, weight_bits: int) -> GeneratedKernel | None:
    """The kernel of a `conv_2d_packed` call with weights of one width, or None when it has no exact form."""
    out_c = call.integer("out_c")
    matrix = call.constant("weights").reshape(out_c, -1)
    layer = narrow_layer(call, matrix, rule_of(call, out_c).apply, weight_bits)
    if not 0 <= excess_of(layer) < 1 << weight_bits:
        return None
    cells = call.integer("kernel_h") * call.integer("kernel_w")
    found = (_fitted(call, name, layer, cut) for cut in cuts(layer, cells, call.integer("in_c")))
    return next((kernel for kernel in found if kernel is not None), None)


def _fitted(call: KernelCall, name: str, layer: Narrow, cut: Cut) -> GeneratedKernel | None:
    shape = cut.shape
    if shape.largest * cut.tiling.steps << shape.weight_bits >= 1 << (31 - FINE_SCALE):
        return None
    ways = (WORD_SCALE,) if cut.single else SUM_SCALES
    both = outer.both_sides(shape, single=cut.single)
    zero_points = (None, call.integer("out_zero")) if both else (None,)
    for zero_point, scale_bits in product(zero_points, ways):
        line = fit(layer, cut.shift(layer), scale_bits, zero_point)
        if line is not None:
            return _kernel(call, name, layer, cut, line, finish_of(layer, line, scale_bits, zero_point))
    return None


def _kernel(
    call: KernelCall, name: str, layer: Narrow, cut: Cut, line: Line, finish: Finish
) -> GeneratedKernel:
    shape, tiling = cut.shape, cut.tiling
    per_byte = max(8 // layer.out_bits, 2)
    channels = -(-layer.channels // per_byte) * per_byte
    endings = [outer.requantize(shape, finish, single=cut.single, place=p) for p in range(per_byte // 2)]
    between = [] if cut.chunks == 1 else [outer.follow(shape) if cut.single else outer.flush(shape)]
    expand_code, expand_source = expand.expand(shape.in_bits, shape.lanes, shape.spacing)
    block = [expand.neighbours(shape.in_bits, shape.lanes, shape.spacing)] if _in_place(call, cut) else []
    live = _live(layer, per_byte, channels)
    words = stream(layer, shape, tiling, line, channels, [c + k for c in live for k in range(0, per_byte, 2)])
    turns = [endings[0][0], endings[-1][0]]
    taking_over = [*(source.name.removesuffix(".S") for source in between), *turns]
    codes = [*taking_over, turns[0]][:3]
    pitch, each = channels * layer.out_bits // 8, len(words) // len(live)
    runs = [
        f"    {{{pitch}, {name}_stream + {each * end}, {', '.join(codes)}, {len(tiling.chunks())}, {shape.name}, "
        f"{name}_stream + {each * start}, {live[start] * layer.out_bits // 8}}},\n"
        for start, end in _neighbours(live, per_byte)
    ]
    fixed = len(live) * per_byte < channels
    fields = {
        "runs": "runs",
        "run_count": len(runs),
        "fixed": f"{name}_fixed" if fixed else "0",
        "expand": expand_code,
        "neighbours": block[0].name.removesuffix(".S") if block else "NULL",
        "block": _block(call, layer, cut) if block else "{0, 0, 0, 0}",
        "pitch": pitch,
        **_fields(call, layer, cut, int(pitch != BY_BITS[layer.out_bits].run_bytes(layer.channels))),
    }
    parts = [
        labels([shape.name, *taking_over, expand_code]),
        words_of(name, "stream", words),
        f"static const itr_dsp_outer_run runs[{len(runs)}] = {{\n{''.join(runs)}}};\n",
        *([_fixed_codes(name, layer, channels)] if fixed else []),
        struct("itr_dsp_outer", fields),
    ]
    entry = Entry(call, name)
    text = entry.source(
        f"Convolution of {shape.weight_bits}-bit weights and {shape.in_bits}-bit maps.",
        ["itr_dsp_outer.h", "stddef.h"],
        parts,
        "itr_dsp_outer_conv",
    )
    shared = [resource("itr_dsp_outer.h"), resource("itr_dsp_outer.c"), outer.entry(), outer.multiply(shape)]
    shared += [source for _, source in endings]
    shared += [expand.entry(), expand_source, *between, *block]
    return GeneratedKernel(
        name,
        f"{entry.prototype};",
        (text, *shared),
        cost(call, cut, len(live) * per_byte, finish),
        scratch=scratch_bytes(tiling, pitch),
        inplace=() if call.variants else call.inplace,
        stack_bytes={
            outer.ENTRY: outer.STACK_BYTES,
            expand.ENTRY: expand.STACK_BYTES,
            **{source.name.removesuffix(".S"): expand.NEIGHBOURS_STACK_BYTES for source in block},
        },
        takes_params=entry.takes_params,
    )


def _live(layer: Narrow, per_byte: int, channels: int) -> list[int]:
    """First channels of the bytes of a pixel that hold an output which varies; at least one."""
    fixed = np.ones(channels, bool)
    fixed[: layer.channels] = layer.rows.constant_codes()[0]
    live = np.flatnonzero(~fixed.reshape(-1, per_byte).all(axis=1)) * per_byte
    return [int(first) for first in live] or [0]


def _neighbours(live: Sequence[int], per_byte: int) -> list[tuple[int, int]]:
    """Places [start, end) in `live` of bytes that follow each other."""
    breaks = [k for k in range(1, len(live)) if live[k] != live[k - 1] + per_byte]
    return list(pairwise([0, *breaks, len(live)]))


def _fixed_codes(name: str, layer: Narrow, channels: int) -> str:
    """The constant array of a pixel's codes that never change."""
    fixed, code = layer.rows.constant_codes()
    codes = np.zeros(channels, np.int8)
    codes[: layer.channels] = np.where(fixed, code, 0)
    packed = np.frombuffer(BY_BITS[layer.out_bits].pack(codes), np.int8)
    return int8_array(name, "fixed", packed)


def _fields(call: KernelCall, layer: Narrow, cut: Cut, detour: int) -> dict[str, object]:
    shape, tiling = cut.shape, cut.tiling
    in_type = BY_BITS[layer.in_bits]
    zero = in_type.pack(np.full(8 // layer.in_bits, call.integer("in_zero"), np.int8))[0]
    excess = excess_of(layer)
    return {
        "lanes": shape.lanes,
        "codes": tiling.codes,
        "run_bytes": in_type.run_bytes(call.integer("in_c")),
        "words": tiling.words,
        "segment": tiling.segment,
        "chunk": tiling.chunk,
        "out_bytes": BY_BITS[layer.out_bits].run_bytes(layer.channels),
        "detour": detour,
        "zero": zero,
        "excess": f"{excess}u",
        "start": f"{excess * shape.largest * tiling.codes * shape.ones * (cut.lead is None)}u",
        "lead": f"{(cut.lead or 0) * shape.ones}u",
        "buffer": buffer_bytes(tiling),
    }


def buffer_bytes(tiling: Tiling) -> int:
    """Activation words of all chunks, with the start of their sums."""
    return 4 * outer.GROUPS * (tiling.steps + len(tiling.chunks()))


def scratch_bytes(tiling: Tiling, pitch: int) -> int:
    """Buffer, outputs of a block, a pixel of zero points and copies of pixels that end within a word."""
    return buffer_bytes(tiling) + BLOCK * pitch + 4 * tiling.words * (1 + BLOCK)


def cost(call: KernelCall, cut: Cut, channels: int, finish: Finish) -> int:
    """Instructions: blocks of pixels, each expanded once, then products and requantization by pairs of channels."""
    shape, tiling = cut.shape, cut.tiling
    sizes = [[int(str(p[k])) for k in ("batch", "out_h", "out_w")] for p in variants(call)]
    blocks = sum(batch * -(-out_h * out_w // shape.pixels) for batch, out_h, out_w in sizes)
    chunks = cut.chunks
    products = tiling.steps * (2 + outer.GROUPS + 1 / shape.steps_per_word)
    ending = (10 + (2 if finish.out_bits == 2 else 0) + 2 * finish.instructions) * shape.pixels
    ending += 0 if cut.single else 24 * outer.GROUPS * chunks
    expanding = tiling.steps * (3.2 * outer.GROUPS + 5)
    if _in_place(call, cut):
        expanding += 190
    else:
        copying = 35 * shape.pixels if call.integer("in_c") * call.integer("in_bits") % 32 else 0
        expanding += tiling.cells * (12 * shape.pixels + 270 + copying) + 300
    return int(blocks * (channels / 2 * (products + ending + 12 * chunks) + expanding))


def _in_place(call: KernelCall, cut: Cut) -> bool:
    """Whether windows are pixels of whole words, which are expanded where they lie, to one start of their sums."""
    window = {"kernel_h": 1, "kernel_w": 1, "stride_h": 1, "stride_w": 1}
    whole = call.integer("in_c") * call.integer("in_bits") % 32 == 0
    return cut.single and whole and all(call.integer(k) == v for k, v in window.items())


def _block(call: KernelCall, layer: Narrow, cut: Cut) -> str:
    """Initialiser of itr_dsp_neighbours."""
    excess, shape = excess_of(layer), cut.shape
    start = excess * shape.largest * cut.tiling.steps if cut.lead is None else cut.lead
    in_bytes = BY_BITS[layer.in_bits].run_bytes(call.integer("in_c"))
    return f"{{{cut.tiling.words}, {in_bytes}, {start * shape.ones}u, {excess}u}}"
