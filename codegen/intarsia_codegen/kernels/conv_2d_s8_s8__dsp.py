# SPDX-License-Identifier: Apache-2.0
"""CONV_2D int8 for Arm's DSP extension: a matrix product over blocks of four output pixels.

Windows are read from the input where they lie inside it, from padded copies of its rows where they reach over the
border, and value by value where they are dilated along a row. Branches of patches share the code and the weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from intarsia.kernelcall import KernelCall
from intarsia_codegen.arm import drivers, emission, gemm, pack
from intarsia_codegen.arm.geometry import Geometry
from intarsia_codegen.arm.layout import Layout
from intarsia_codegen.arm.matrix import Stream, Weights, scattered, stream4, weights_of, widths_of
from intarsia_codegen.generated import GeneratedKernel, SourceFile
from intarsia_codegen.kernels import fully_connected_s8_s8__dsp as fully_connected

WORD = 4
"""Least bytes of a window's row that the packing code reads."""
CODES = 8
"""Codes of 4 bits in a word."""


@dataclass(frozen=True)
class Windows:
    """How windows are packed: code, order of the values, and words, rows, step, overlap of `itr_dsp_pack`."""

    code: str
    source: SourceFile
    order: list[int]
    packing: tuple[int, int, int, int]


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """The kernel, or None when sums do not fit 32 bits. Cost: counted by instruction, loop by loop."""
    return convolution(call, name, call.constant("weights"))


@dataclass(frozen=True)
class Form:
    """A format of weights: how they are prepared, multiplied and laid out."""

    weights: Callable[[KernelCall, np.ndarray], Weights | None]
    product: Callable[[Weights], gemm.Product]
    stream: Callable[[Weights, list[int]], Stream | None]


BYTES = Form(weights_of, lambda weights: gemm.gemm4(weights.form == "w"), stream4)
"""A byte for a weight, or two where that does not fit."""


def convolution(
    call: KernelCall, name: str, weights_ohwi: np.ndarray, form: Form = BYTES
) -> GeneratedKernel | None:
    """The kernel for weights [out_c, kernel_h, kernel_w, in_c], or None.

    Feature maps may be packed (`conv_2d_packed`) with 4 bits, in whole words of input and bytes of output pixels.
    """
    out_c, widths = len(weights_ohwi), widths_of(call)
    matrix, layout = weights_ohwi.reshape(out_c, -1), Layout.of(call, out_c)
    if not _whole(layout.first, *widths):
        return None
    if layout.first.whole_input and not layout.branches:
        if widths != (8, 8) or form is not BYTES:
            return None
        return fully_connected.matrix_vector(call, name, matrix, layout.first.batch)
    if layout.first.segment < WORD and layout.first.contiguous:
        call, matrix = _widened(call, weights_ohwi)
        layout = Layout.of(call, out_c)
    if not layout.served:
        return None
    weights = form.weights(call, matrix)
    if weights is None:
        return None
    layout = layout.in_bytes(*widths)
    windows = _windows(layout, weights.form) if widths[0] == 8 else _windows_of_codes(layout, weights.form)
    stream = form.stream(weights, windows.order)
    product = form.product(weights)
    return None if stream is None else _kernel(call, name, layout, weights, windows, stream, product)


def _whole(g: Geometry, in_bits: int, out_bits: int) -> bool:
    """Whether pixels and rows of windows are whole words of packed codes, and pairs of channels whole bytes."""
    words = in_bits == 8 or (in_bits == 4 and g.in_c % CODES == 0 and g.contiguous)
    return words and (out_bits == 8 or (out_bits == 4 and g.out_c % 2 == 0))


def _widened(call: KernelCall, weights: np.ndarray) -> tuple[KernelCall, np.ndarray]:
    """The same convolution with columns of weights 0 to the right, so that rows of windows have a word at least."""
    out_c, _, kernel_w, in_c = weights.shape
    more = -(-WORD // in_c) - kernel_w
    wide = np.pad(weights, ((0, 0), (0, 0), (0, more), (0, 0)), constant_values=call.integer("weights_zero"))
    changes = {"kernel_w": kernel_w + more, "dilation_w": 1}
    variants = tuple({**params, **changes} for params in call.variants)
    return replace(call, params={**call.params, **changes}, variants=variants), wide.reshape(out_c, -1)


def _windows(layout: Layout, form: str) -> Windows:
    g = layout.first
    if g.gathered:
        taps = g.kernel_h * g.segment
        order = [*range(taps), *[-1] * (-taps % 4)]
        return Windows(*pack.pack_rows(form), order, (len(order) // 4, 1, 0, 0))
    pitch = g.dilation_h * layout.row_bytes
    order, shorter = pack.rows_order(g.kernel_h, g.segment), pack.straight_order(g.kernel_h, g.segment)
    if len(shorter) < len(order) and (straight := pack.pack_straight(g.kernel_h, g.segment, pitch, form)):
        return Windows(*straight, shorter, (0, 0, 0, 0))
    overlap = g.segment % 4 - 4 if g.segment % 4 else 0
    size = g.segment // 4, g.kernel_h, pitch - g.segment, overlap
    return Windows(*pack.pack_rows(form), order, size)


def _windows_of_codes(layout: Layout, form: str) -> Windows:
    """Windows of codes of 4 bits, in a layout in bytes."""
    g = layout.first
    step = g.dilation_h * layout.row_bytes - g.segment
    order = pack.codes_order(g.kernel_h, 2 * g.segment)
    return Windows(*pack.pack_codes(form), order, (g.segment // WORD, g.kernel_h, step, 0))


def _scratch(layout: Layout, windows: Windows, product: gemm.Product) -> int:
    """Packed activations, outputs of images of less than four pixels, and windows or rows."""
    words = len(windows.order) // 4

    def behind(g: Geometry) -> int:
        few = 4 * g.out_c if g.pixels < 4 else 0
        return few + (16 * words if g.gathered else layout.rows_bytes(g))

    return product.buffer_bytes(words) + max(map(behind, layout.geometries))


def _kernel(
    call: KernelCall,
    name: str,
    layout: Layout,
    weights: Weights,
    windows: Windows,
    stream: Stream,
    product: gemm.Product,
) -> GeneratedKernel:
    g, symbol = layout.first, product.symbol
    groups, (_, out_bits) = len(windows.order) // 4, widths_of(call)
    runs = [replace(run, first=run.first * out_bits // 8) for run in stream.runs]
    buffer_bytes = product.buffer_bytes(groups)
    parts = [
        emission.labels([*emission.multiply_labels(stream, symbol), windows.code]),
        emission.int32_array(name, "stream", stream.words),
        *([emission.int8_array(name, "fixed", weights.plan.code)] if scattered(weights) else []),
        emission.runs_table(name, runs, symbol, product.entry(groups), g.out_c, buffer_bytes),
        emission.struct("itr_dsp_conv", _fields(name, layout, weights, windows, len(stream.runs))),
    ]
    entry, shared = drivers.entry(call, name, layout, "gathered" if g.gathered else layout.driver)
    comment = f"{g.kernel_h}x{g.kernel_w} convolution, {drivers.sizes(Layout.of(call, weights.channels))}."
    text = emission.source(name, [drivers.header(layout)], comment, parts, entry)
    code = [gemm.gemm_entry(), product.source, pack.pack_entry(), windows.source, *stream.sources]
    return GeneratedKernel(
        name,
        entry.prototype + ";",
        (text, *shared, *code),
        sum(_cost(g, layout, weights, windows, product, widths_of(call)[0]) for g in layout.geometries),
        scratch=_scratch(layout, windows, product),
        stack_bytes={gemm.ENTRY: gemm.STACK_BYTES, pack.ENTRY: pack.STACK_BYTES},
        takes_params=layout.branches,
    )


def _fields(
    name: str, layout: Layout, weights: Weights, windows: Windows, run_count: int
) -> dict[str, object]:
    packing = f"{{{windows.code}, {', '.join(map(str, windows.packing))}}}"
    return {
        "runs": "runs",
        "run_count": run_count,
        "pack": packing,
        **vars(layout.first),
        "fixed": f"{name}_fixed" if scattered(weights) else "0",
        "row_bytes": layout.row_bytes,
        "strip": layout.strip,
    }


def _blocks(g: Geometry, layout: Layout) -> int:
    """Blocks of four pixels in an image, strip by strip where rows are copied."""
    if layout.direct or g.gathered or g.out_w < 4:
        return -(-g.pixels // 4)
    strips, left = divmod(g.out_h, layout.strip)
    return strips * -(-layout.strip * g.out_w // 4) + -(-left * g.out_w // 4)


def _cost(
    g: Geometry, layout: Layout, weights: Weights, windows: Windows, product: gemm.Product, in_bits: int
) -> int:
    """Instructions: packing, products and driver for each block of four pixels, and copying of rows."""
    groups, blocks = len(windows.order) // 4, _blocks(g, layout)
    live = int((~weights.plan.fixed).sum()) if scattered(weights) else weights.channels
    pairs = -(-live // 2)
    expanding = 27 if in_bits < 8 else 16 if weights.form != "n" else 35
    packing = 40 + groups * expanding + 10 * g.kernel_h
    pair = groups * product.group + 3 * (groups // gemm.UNROLL4 + 1) + 36 + product.more
    gathering = 4 * g.kernel_h * g.kernel_w * (30 + 2 * g.in_c) if g.gathered else 0
    copying = 0 if layout.direct or g.gathered else g.span_h * (60 + layout.row_bytes)
    return g.batch * (blocks * (packing + pairs * pair + gathering + 95) + copying)
