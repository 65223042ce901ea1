# SPDX-License-Identifier: Apache-2.0
"""CONV_2D int8, 3x3 with stride 1, for Arm's DSP extension by Winograd's F(2x2, 3x3) (see `arm.winograd`).

Needs about 0.6 of the instructions of the matrix product, 3.6 times the flash for weights, and more scratch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from intarsia.fixedpoint import INT32_MAX, Int64Array
from intarsia.kernelcall import KernelCall
from intarsia_codegen.arm import emission, winograd
from intarsia_codegen.arm.geometry import Geometry
from intarsia_codegen.arm.matrix import halves, layer_of, rule_of
from intarsia_codegen.arm.requantize import Plan, Requantizer, plan
from intarsia_codegen.asm import resource
from intarsia_codegen.generated import GeneratedKernel, SourceFile

MAX_WEIGHT_BITS = 6
"""Most bits by which weights are scaled for the resolution of the requantization."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Transformed weights [out_c, 16, in_c], scaled by 2**weight_bits; what sums start from, before the requantizer's
    own bias; how they are requantized."""

    weights: Int64Array
    start: Int64Array
    plan: Plan


@dataclass(frozen=True)
class Run:
    """Channels from `first` on, in pairs, that are requantized by the same code: words [start, end) of the stream."""

    requantizer: Requantizer
    first: int
    start: int
    end: int


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """The kernel, or None for other shapes and where a pair of channels has no common proved requantization.

    Cost: counted by instruction, loop by loop.
    """
    out_c = call.integer("out_c")
    g = Geometry.of(call.params, out_c)
    if call.variants or not _served(g):
        return None
    spectrum = _spectrum(call, call.constant("weights").reshape(out_c, -1))
    streamed = None if spectrum is None else _stream(spectrum)
    return None if streamed is None else _kernel(name, g, *streamed)


def _served(g: Geometry) -> bool:
    ones = (g.stride_h, g.stride_w, g.dilation_h, g.dilation_w)
    window = (g.kernel_h, g.kernel_w) == (3, 3) and ones == (1, 1, 1, 1)
    channels = g.in_c % 4 == 0 and g.in_c <= winograd.MAX_IN_C and g.out_c % 2 == 0
    borders = min(g.pad_top, g.pad_left) >= 0
    return window and channels and borders and g.out_h >= 2 and g.out_w >= winograd.BLOCK_W


def _spectrum(call: KernelCall, matrix: np.ndarray) -> Spectrum | None:
    """With the weights scaled as far as sums and halfwords allow: that proves most channels."""
    rule = rule_of(call, len(matrix))
    layer, matrix, bias = layer_of(call, matrix, rule.apply)
    weights = winograd.transform(matrix.reshape(len(matrix), 3, 3, -1))
    fixed, _ = layer.constant_codes()
    sums = int(np.where(fixed, 0, np.maximum(np.abs(layer.low), np.abs(layer.high))).max())
    largest = int(np.abs(weights).max(initial=1))
    fitting = [
        bits
        for bits in range(MAX_WEIGHT_BITS + 1)
        if largest << bits <= 32767 and sums << (winograd.SCALE_BITS + bits) <= INT32_MAX >> 1
    ]
    if not fitting:
        return None
    scale_bits = winograd.SCALE_BITS + fitting[-1]
    chosen = plan(layer, rule, scale_bits)
    start = (bias - call.integer("in_zero") * matrix.sum(axis=1)) << scale_bits
    return None if chosen is None else Spectrum(weights << fitting[-1], start, chosen)


def _stream(spectrum: Spectrum) -> tuple[list[int], list[Run]] | None:
    """Channels in pairs: words of both for each frequency and two input channels, then bias and constants of each.

    None when a pair has no common requantization or one that clamps.
    """
    scaled = spectrum.weights
    low = halves(scaled[..., 0::4], scaled[..., 2::4])
    high = halves(scaled[..., 1::4], scaled[..., 3::4])
    words = np.stack([low, high], axis=-1).reshape(*scaled.shape[:2], -1)
    stream: list[int] = []
    runs: list[Run] = []
    for first in range(0, len(words), 2):
        requantizer = spectrum.plan.requantizer_of((first, first + 1))
        if requantizer is None or requantizer.clamps:
            return None
        begin = len(stream)
        stream += np.stack([words[first], words[first + 1]], axis=-1).reshape(-1).tolist()
        for channel in (first, first + 1):
            stream.append(int(spectrum.start[channel]) + spectrum.plan.bias_of(requantizer, channel))
            stream += spectrum.plan.constants(requantizer, channel)
        same = runs and runs[-1].requantizer is requantizer
        run = runs.pop() if same else Run(requantizer, first, begin, begin)
        runs.append(replace(run, end=len(stream)))
    return stream, runs


def _kernel(name: str, g: Geometry, stream: list[int], runs: list[Run]) -> GeneratedKernel:
    products = {run.requantizer.name: winograd.multiply(g.in_c, run.requantizer) for run in runs}
    multiply = [_symbol(products[run.requantizer.name]) for run in runs]
    tiles, columns = winograd.tiles(g.in_c), winograd.columns()
    parts = [
        _declarations(tiles, products.values()),
        emission.int32_array(name, "stream", stream),
        _runs_table(name, g, runs, multiply),
        emission.struct("itr_dsp_winograd", _fields(g, tiles, len(runs))),
    ]
    entry = emission.entry(name, "itr_dsp_winograd_conv")
    sizes = f"{g.in_h}x{g.in_w}x{g.in_c} to {g.out_h}x{g.out_w}x{g.out_c}"
    comment = f"3x3 convolution by Winograd's F(2x2, 3x3), {sizes}."
    text = emission.source(name, ["itr_dsp_winograd.h"], comment, parts, entry)
    shared = map(resource, ("itr_dsp_winograd.h", "itr_dsp_winograd.c"))
    rows = 4 * (g.out_w + 2) * g.in_c
    return GeneratedKernel(
        name,
        entry.prototype + ";",
        (text, *shared, columns, tiles, *products.values()),
        _cost(g, runs),
        scratch=winograd.columns_bytes(g.out_w + 2, g.in_c) + winograd.tiles_bytes(g.in_c) + rows,
        stack_bytes={
            _symbol(columns): winograd.COLUMNS_STACK_BYTES,
            _symbol(tiles): winograd.TILES_STACK_BYTES,
            **dict.fromkeys(multiply, winograd.MULTIPLY_STACK_BYTES),
        },
    )


def _symbol(source: SourceFile) -> str:
    return source.name.removesuffix(".S")


def _declarations(tiles: SourceFile, products: Iterable[SourceFile]) -> str:
    lines = [f"void {_symbol(tiles)}(const uint32_t *columns, uint32_t *tiles);"]
    lines += [f"void {_symbol(p)}(const uint32_t *tiles, const void *run, int8_t *out);" for p in products]
    return "\n".join(lines) + "\n"


def _runs_table(name: str, g: Geometry, runs: list[Run], multiply: list[str]) -> str:
    rows = [
        f"    {{{name}_stream + {run.start}, {name}_stream + {run.end}, {g.out_w * g.out_c}, {g.out_c}, "
        f"{run.first}, {code}}},\n"
        for run, code in zip(runs, multiply, strict=True)
    ]
    return f"static const itr_dsp_winograd_run runs[{len(runs)}] = {{\n{''.join(rows)}}};\n"


def _fields(g: Geometry, tiles: SourceFile, run_count: int) -> dict[str, object]:
    shared = ("batch", "in_h", "in_w", "in_c", "pad_top", "pad_left", "out_h", "out_w", "out_c", "in_zero")
    own = {"tiles": _symbol(tiles), "runs": "runs", "run_count": run_count}
    return own | {field: getattr(g, field) for field in shared}


def _cost(g: Geometry, runs: list[Run]) -> int:
    """Instructions: copying and transforming rows, then blocks of four tiles and their channel pairs."""
    rows, blocks, words = -(-g.out_h // 2), -(-g.out_w // winograd.BLOCK_W), g.in_c // 4
    row = 2 * (60 + (g.out_w + 2) * g.in_c // 2) + (g.out_w + 2) * words * 33
    weights = 2 * winograd.FREQUENCIES * g.in_c // 2
    products = 0
    for run in runs:
        pairs = (run.end - run.start) // (weights + 2 * (1 + run.requantizer.words))
        back = 2 * winograd.TILES * (56 + 4 * run.requantizer.instructions)
        products += pairs * (winograd.FREQUENCIES * (11 * g.in_c // 2 + 5) + back + 20) + 40
    return g.batch * rows * (row + blocks * (words * 330 + 20 + products) + 40)
