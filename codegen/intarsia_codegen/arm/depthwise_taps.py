# SPDX-License-Identifier: Apache-2.0
"""Depthwise layers with windows of any shape, stride and dilation: two taps of four channels at a time."""

from __future__ import annotations

import numpy as np

from intarsia.kernelcall import KernelCall
from intarsia_codegen.arm import drivers, emission, gemm, pack
from intarsia_codegen.arm.channels import GROUP, ChannelRun, Channels, runs_of
from intarsia_codegen.arm.geometry import Geometry
from intarsia_codegen.arm.layout import Layout
from intarsia_codegen.arm.matrix import Run, halves
from intarsia_codegen.arm.requantize import Requantizer, clamp_words
from intarsia_codegen.generated import GeneratedKernel


def kernel(call: KernelCall, name: str, layout: Layout, channels: Channels) -> GeneratedKernel | None:
    """The kernel of a layer, or None. Cost: counted by instruction, loop by loop."""
    found = runs_of(channels, lambda first, requantizer: _group_words(channels, first, requantizer))
    if found is None:
        return None
    words, channel_runs = found
    g = layout.first
    code = {r.requantizer.name: gemm.gemv4_requantize(r.requantizer, gemm.TAPS) for r in channel_runs}
    runs = [Run(code[r.requantizer.name][0], r.start, r.stop, r.first, r.end) for r in channel_runs]
    offsets = _offsets(g, layout.row_bytes)
    table = f"(const char *){name}_offsets"
    fields = {
        "runs": "runs",
        "run_count": len(runs),
        "pack": "{0}",
        **vars(g),
        "fixed": "0",
        "row_bytes": layout.row_bytes,
        "strip": layout.strip,
    }
    entry, shared = drivers.entry(call, name, layout, layout.driver)
    text = emission.source(
        name,
        [drivers.header(layout)],
        f"Depthwise {g.kernel_h}x{g.kernel_w} convolution, {drivers.sizes(layout)}.",
        [
            emission.labels([gemm.TAPS, *(run.label for run in runs)]),
            emission.int32_array(name, "stream", words),
            emission.int32_array(name, "offsets", offsets),
            emission.runs_table(name, runs, gemm.TAPS, table, len(offsets) // 2, 0),
            emission.struct("itr_dsp_conv", fields),
        ],
        entry,
    )
    requantize = [source for _, source in code.values()]
    return GeneratedKernel(
        name,
        entry.prototype + ";",
        (text, *shared, gemm.gemm_entry(), gemm.taps(), *requantize, pack.pack_entry()),
        sum(_cost(g, layout, channel_runs, len(offsets) // 2) for g in layout.geometries),
        scratch=max((4 * g.out_c if g.pixels < 4 else 0) + layout.rows_bytes(g) for g in layout.geometries),
        stack_bytes={gemm.ENTRY: gemm.STACK_BYTES, pack.ENTRY: pack.STACK_BYTES},
        takes_params=layout.branches,
    )


def _offsets(g: Geometry, row_bytes: int) -> list[int]:
    """Byte offsets of the taps in the rows; an odd number is made even by a tap whose weight is 0."""
    rows = [ky * g.dilation_h * row_bytes for ky in range(g.kernel_h)]
    taps = [row + kx * g.dilation_w * g.in_c for row in rows for kx in range(g.kernel_w)]
    return taps + taps[-1:] * (len(taps) % 2)


def _group_words(channels: Channels, first: int, requantizer: Requantizer) -> list[int]:
    """Biases, weights tap pair by tap pair, and constants of four channels."""
    group = range(first, first + GROUP)
    scaled = np.stack([channels.scaled(c) for c in group])
    if scaled.shape[1] % 2:
        scaled = np.pad(scaled, ((0, 0), (0, 1)))
    words = [channels.start(c, requantizer) for c in group]
    words += halves(scaled[:, 0::2], scaled[:, 1::2]).T.reshape(-1).tolist()
    for c in group:
        words += channels.plan.constants(requantizer, c)
    return words + (clamp_words(channels.plan.limits) if requantizer.clamps else [])


def _cost(g: Geometry, layout: Layout, runs: list[ChannelRun], pairs: int) -> int:
    """Instructions: the taps of every output pixel, and copying of rows."""
    pixel = 20
    for run in runs:
        requantizing = 4 * (run.requantizer.instructions + 1) + 5 * run.requantizer.clamps
        pixel += (run.end - run.first) // GROUP * (19 * pairs + requantizing + 18) + 35
    copying = 0 if layout.direct else (g.span_h + g.out_h) * (60 + layout.row_bytes // 2)
    return g.batch * (4 * -(-g.pixels // 4) * pixel + copying)
