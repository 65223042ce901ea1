# SPDX-License-Identifier: Apache-2.0
"""3x3 convolutions below 8 bits as products of polynomials: sources of one layer."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from intarsia.dtypes import BY_BITS
from intarsia.kernelcall import KernelCall
from intarsia_codegen.arm.matrix import rule_of
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.narrow import expand, polynomial
from intarsia_codegen.narrow.fit import FINE_SCALE, SUM_SCALES, Line, fit
from intarsia_codegen.narrow.layer import Narrow, narrow_layer, variants
from intarsia_codegen.narrow.outer import Finish, finish_of
from intarsia_codegen.narrow.polynomial import BLOCKS, CHANNELS, LONGEST, Chunk, Polynomial
from intarsia_codegen.narrow.sources import labels, resource, struct
from intarsia_codegen.narrow.sources import words as words_of
from intarsia_codegen.narrow.stream import excess_of
from intarsia_codegen.packed.entry import Entry

_WINDOW = {"kernel_h": 3, "kernel_w": 3, "stride_h": 1, "stride_w": 1, "dilation_h": 1, "dilation_w": 1}


def row_convolution(call: KernelCall, name: str, weight_bits: int) -> GeneratedKernel | None:
    """The kernel of a `conv_2d_packed` call with 3x3 windows of stride 1, or None when it has no exact form."""
    shape = polynomial.POLYNOMIALS.get((weight_bits, call.integer("in_bits")))
    if shape is None or not shape.fits or any(call.integer(k) != v for k, v in _WINDOW.items()):
        return None
    out_c = call.integer("out_c")
    matrix = call.constant("weights").reshape(out_c, -1)
    layer = narrow_layer(call, matrix, rule_of(call, out_c).apply, weight_bits)
    most = shape.largest * matrix.shape[1] << weight_bits
    if not 0 <= excess_of(layer) < 1 << weight_bits or most >= 1 << (31 - FINE_SCALE):
        return None
    per_byte = max(8 // layer.out_bits, 2)
    channels = -(-out_c // per_byte) * per_byte
    cut = _best_cut(call, layer, shape, channels)
    for zero_point, scale_bits in product((None, call.integer("out_zero")), SUM_SCALES):
        line = fit(layer, 3 * cut.lead - layer.bias, scale_bits, zero_point)
        if line is not None:
            end = finish_of(layer, line, scale_bits, zero_point)
            return _kernel(call, name, layer, shape, cut, line, end)
    return None


@dataclass(frozen=True)
class _Cut:
    """How the products of a window are cut, the lead of its fields, and weights in its order."""

    chunk: Chunk
    lead: int
    weights: list[int]


def _kernel(
    call: KernelCall, name: str, layer: Narrow, shape: Polynomial, cut: _Cut, line: Line, end: Finish
) -> GeneratedKernel:
    finish, finish_source = polynomial.finish(shape, end)
    expand_code, expand_source = expand.expand(shape.in_bits, shape.lanes, shape.spacing)
    per_byte = max(8 // layer.out_bits, 2)
    channels = -(-layer.channels // per_byte) * per_byte
    chunk, weights = cut.chunk, cut.weights
    multiply = polynomial.multiply(shape, chunk)
    constants = line.of_pairs(channels)
    fields = {
        "multiply": multiply.name.removesuffix(".S"),
        "chunks": 3 * _padded(call, shape) // (chunk.rows * chunk.channels),
        "expand": expand_code,
        "finish": finish,
        "weights": f"{name}_weights",
        "constants": f"{name}_constants",
        "pair_words": constants.shape[1],
        "weight_words": len(weights) // channels,
        "whole": int(chunk.whole),
        "lead": cut.lead,
        **_sizes(call, layer, shape, channels),
    }
    parts = [
        labels([multiply.name.removesuffix(".S"), expand_code, finish]),
        words_of(name, "weights", weights),
        words_of(name, "constants", constants.reshape(-1).tolist()),
        struct("itr_dsp_poly", fields),
    ]
    entry = Entry(call, name)
    comment = f"3x3 convolution of {shape.weight_bits}-bit weights and {shape.in_bits}-bit maps."
    text = entry.source(comment, ["itr_dsp_poly.h"], parts, "itr_dsp_poly_conv")
    shared = [resource("itr_dsp_poly.h"), resource("itr_dsp_poly.c"), expand.entry(), expand_source]
    code = [polynomial.entry(), multiply, polynomial.finish_entry(), finish_source]
    return GeneratedKernel(
        name,
        f"{entry.prototype};",
        (text, *shared, *code),
        cost(call, shape, chunk, channels) + _endings(call, shape, channels, end),
        scratch=max(
            _scratch(call, shape, int(str(p["out_w"])), channels, layer, chunk) for p in variants(call)
        ),
        stack_bytes={
            polynomial.ENTRY: polynomial.STACK_BYTES,
            polynomial.FINISH: polynomial.FINISH_STACK_BYTES,
            expand.ENTRY: expand.STACK_BYTES,
        },
        takes_params=entry.takes_params,
    )


def _words(call: KernelCall, shape: Polynomial) -> int:
    """Words of a packed pixel."""
    return -(-call.integer("in_c") * shape.in_bits // 32)


def _padded(call: KernelCall, shape: Polynomial) -> int:
    """Input channels, rounded up to whole words."""
    return _words(call, shape) * 32 // shape.in_bits


def _best_cut(call: KernelCall, layer: Narrow, shape: Polynomial, channels: int) -> _Cut:
    """The cheapest way to cut the products of a window."""
    padded, in_c, excess = _padded(call, shape), call.integer("in_c"), excess_of(layer)
    taps = np.zeros((channels, 3, 3, padded), np.int64)
    taps[: layer.channels, :, :, :in_c] = layer.matrix.reshape(-1, 3, 3, in_c)
    ways = {Chunk(3, CHANNELS): 0}
    # The end of a block is added to the beginning of the next before it is taken apart: all three taps.
    largest = shape.largest * int((taps + excess).sum(axis=(2, 3)).max())
    if padded <= LONGEST and largest < 1 << shape.spacing:
        ways[Chunk(1, padded)] = 0
    lead = _lead(shape, taps)
    if padded <= LONGEST and lead is not None:
        ways[Chunk(1, padded, whole=True)] = lead
    best = min(ways, key=lambda chunk: cost(call, shape, chunk, channels))
    return _Cut(best, ways[best], weight_words(taps + excess, shape, best))


def _lead(shape: Polynomial, taps: np.ndarray) -> int | None:
    """What makes up for negative weights [channel, row, column, input channel] in every field of a whole window's
    products, times one, two, two and one; None where fields do not hold them."""
    if shape.lanes != 2:
        return None
    falling = shape.largest * np.maximum(-taps, 0).sum(axis=(1, 3))
    rising = shape.largest * np.maximum(taps, 0).sum(axis=(1, 2, 3))
    first, middle, last = falling.T
    lead = int(max(first.max(), last.max(), -(-(first + middle) // 2).max(), -(-(middle + last) // 2).max()))
    return lead if 3 * lead + int(rising.max()) < 1 << shape.spacing else None


def weight_words(stored: np.ndarray, shape: Polynomial, chunk: Chunk) -> list[int]:
    """Packed triples of taps, by output channel, chunk, kernel row, input channel; single rows from the last on.

    `stored` are weights [output channel, kernel row, kernel column, input channel].
    """
    per_word = len(shape.rotations)
    channels, _, _, padded = stored.shape
    if chunk.rows == 1:
        stored = stored[:, ::-1]
    ordered = stored.reshape(channels, 3, 3, padded // chunk.channels, chunk.channels // per_word, per_word)
    ordered = ordered.transpose(0, 3, 1, 4, 5, 2)  # channel, chunk, kernel row, word, triple, kernel column
    packed = np.zeros(ordered.shape[:4], np.int64)
    for triple, rotation in enumerate(shape.rotations):
        for place in range(3):
            packed |= ordered[..., triple, 2 - place] << ((rotation + shape.spacing * place) % 32)
    return packed.reshape(-1).tolist()


def _groups(shape: Polynomial, out_w: int) -> int:
    """Groups of three blocks in a row."""
    return -(-(out_w + 2) // (BLOCKS * shape.lanes))


def _sizes(call: KernelCall, layer: Narrow, shape: Polynomial, channels: int) -> dict[str, object]:
    in_type, out_type = BY_BITS[layer.in_bits], BY_BITS[layer.out_bits]
    return {
        "lanes": shape.lanes,
        "spacing": shape.spacing,
        "codes": 32 // shape.in_bits,
        "run_bytes": in_type.run_bytes(call.integer("in_c")),
        "words": _words(call, shape),
        "part": _part(shape),
        "channels": channels,
        "out_bits": layer.out_bits,
        "out_bytes": out_type.run_bytes(layer.channels),
        "pitch": out_type.run_bytes(channels),
        "zero": in_type.pack(np.full(8 // layer.in_bits, call.integer("in_zero"), np.int8))[0],
        "excess": excess_of(layer),
    }


def _part(shape: Polynomial) -> int:
    """Words of packed pixels whose expanded words have a sum without carries from field to field."""
    narrowest = min(shape.spacing, 32 - shape.spacing * (shape.lanes - 1))
    return ((1 << narrowest) - 1) // (shape.largest * (32 // shape.in_bits))


def _scratch(
    call: KernelCall, shape: Polynomial, out_w: int, channels: int, layer: Narrow, chunk: Chunk
) -> int:
    """As laid out in itr_dsp_poly.c."""
    blocks, words = _groups(shape, out_w) * BLOCKS, _words(call, shape)
    sums = 3 * (-(-(blocks + 1) * shape.slot // 32) * 32)
    ring = 3 * blocks * (words * 32 // shape.in_bits + shape.lanes) * 4
    row = (blocks + 1) * shape.lanes * BY_BITS[layer.out_bits].run_bytes(channels)
    first = 4 * blocks if chunk.whole else 0
    return sums + ring + first + (1 + shape.lanes) * 4 * words + row


def cost(call: KernelCall, shape: Polynomial, chunk: Chunk, channels: int) -> int:
    """Instructions: chunks of every row and channel, outputs, rows that are expanded."""
    total = 0.0
    padded = _padded(call, shape)
    height = 3 if chunk.whole else chunk.rows
    chunks = 3 * padded // (height * chunk.channels)
    of_chunk = height * chunk.channels * (5 + 1 / len(shape.rotations)) + 38 + 2 * height
    of_chunk += 30 * chunk.whole + 5 * (shape.lanes - 2)
    for p in variants(call):
        out_h, groups = int(str(p["out_h"])), _groups(shape, int(str(p["out_w"])))
        outputs = groups * BLOCKS * shape.lanes * 7
        rows = out_h * channels * (groups * (chunks * of_chunk + 9) + 60 + outputs)
        expanding = (out_h + 2) * groups * BLOCKS * (padded * (4 + shape.lanes) + 60)
        total += int(str(p["batch"])) * (rows + expanding)
    return int(total)


def _endings(call: KernelCall, shape: Polynomial, channels: int, end: Finish) -> int:
    """Instructions of outputs beyond those of the shortest requantization."""
    rows = [(int(str(p["batch"])) * int(str(p["out_h"])), int(str(p["out_w"]))) for p in variants(call)]
    pixels = sum(number * _groups(shape, width) * BLOCKS * shape.lanes for number, width in rows)
    return pixels * channels * end.instructions
