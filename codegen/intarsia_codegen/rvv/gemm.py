# SPDX-License-Identifier: Apache-2.0
"""The matrix product under every convolution: each input byte times a vector of weights, one for each output channel.

A block is a few pixels by as many channels as a group of registers has lanes, so each vector of weights is loaded and
widened once for all pixels of the block. Products are widened to int32 as they are added (VWMACC.VX). Layers with few
channels take smaller groups and more pixels, so that lanes are not left idle. A function is made for each number of
registers and each requantization form, and layers share it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from intarsia_codegen.generated import SourceFile
from intarsia_codegen.rvv.requantize import Form
from intarsia_codegen.rvv.sources import formed, fragment

LANES = {"m2": 8, "m4": 16, "m8": 32}
"""int32 lanes of a group of registers in the shortest vectors there are, 128 bits."""
BLOCKS = {"m2": (8, 2, 1), "m4": (6, 2, 1), "m8": (3, 2, 1)}
"""Pixels of the blocks of each group: what fits 32 registers, then less for what is left."""
HEADER = "itr_rvv_gemm.h"


@dataclass(frozen=True)
class Kernel:
    """One product function: sums take groups of registers `group` each."""

    group: str
    form: Form

    @staticmethod
    def of(channels: int, form: Form) -> Kernel:
        """The function for so many output channels."""
        group = next((g for g, lanes in LANES.items() if channels <= lanes), "m8")
        return Kernel(group, form)

    @property
    def name(self) -> str:
        return f"itr_rvv_gemm_{self.group}_{self.form.name}"

    @property
    def prototype(self) -> str:
        return f"void {self.name}(const int8_t *in, int8_t *out, const itr_rvv_gemm *s, int32_t pixels)"

    def sources(self) -> tuple[SourceFile, ...]:
        sizes = BLOCKS[self.group]
        fill = fragment("fill.c") if self.form.scatter else ""
        body = "\n".join([fill, *map(_block, sizes), _driver(sizes)])
        return formed(body, self.name, self.form, HEADER, group=self.group)

    def cost(self, pixels: int, channels: int, depth: int) -> int:
        """Instructions for `pixels` pixels with vectors of 128 bits."""
        total = 0
        for size in BLOCKS[self.group]:
            blocks, pixels = divmod(pixels, size)
            total += blocks * (20 + depth * (4 + 2 * size) + size * self.form.instructions)
        return 30 + -(-channels // LANES[self.group]) * total


def pack(weights: np.ndarray) -> np.ndarray:
    """Weights [channels, depth] as the product reads them."""
    return np.ascontiguousarray(weights.T.astype(np.int8))


def _block(pixels: int) -> str:
    """The product of a block of pixels and `n` channels from `channel` on."""
    each = range(pixels)
    sums = [f"  vint32m8_t sum{p} = {f'sum{p - 1}' if p else 'bias'};" for p in each]
    starts = [
        f"    const int8_t *x{p} = {f'x{p - 1} + s->step' if p else 'in + s->offsets[r]'};" for p in each
    ]
    products = [f"      sum{p} = __riscv_vwmacc_vx_i32m8(sum{p}, x{p}[k], w, n);" for p in each]
    stores = [f"  store(out + {p} * s->pitch, sum{p}, s->q, s->to, channel, n);" for p in each]
    lines = [
        f"static void pixels_{pixels}(const int8_t *in, int8_t *out, const itr_rvv_gemm *s, int32_t channel,",
        "                     size_t n) {",
        "  const vint32m8_t bias = __riscv_vle32_v_i32m8(s->q->bias + channel, n);",
        *sums,
        "  const int8_t *weights = s->weights + channel;",
        "  for (int32_t r = 0; r < s->runs; r++) {",
        *starts,
        "#pragma clang loop unroll_count(4)",
        "    for (int32_t k = 0; k < s->run; k++, weights += s->channels) {",
        "      const vint16m4_t w = __riscv_vsext_vf2_i16m4(__riscv_vle8_v_i8m2(weights, n), n);",
        *products,
        "    }",
        "  }",
        *stores,
        "}",
        "",
    ]
    return "\n".join(lines)


def _driver(sizes: tuple[int, ...]) -> str:
    loops = []
    for size in sizes:
        loops += [
            f"    for (; left >= {size}; left -= {size}, x += {size} * s->step, y += {size} * s->pitch) {{",
            f"      pixels_{size}(x, y, s, channel, n);",
            "    }",
        ]
    lines = [
        "void ITR_FUNCTION(const int8_t *in, int8_t *out, const itr_rvv_gemm *s, int32_t pixels);",
        "",
        "void ITR_FUNCTION(const int8_t *in, int8_t *out, const itr_rvv_gemm *s, int32_t pixels) {",
        "#if ITR_SCATTER",
        "  fill(out, s, pixels);",
        "#endif",
        "  const int32_t lanes = (int32_t)__riscv_vsetvlmax_e32m8();",
        "  for (int32_t channel = 0; channel < s->channels; channel += lanes) {",
        "    const int32_t rest = s->channels - channel;",
        "    const size_t n = (size_t)(rest < lanes ? rest : lanes);",
        "    const int8_t *x = in;",
        "    int8_t *y = ITR_SCATTER ? out : out + channel;",
        "    int32_t left = pixels;",
        *loops,
        "  }",
        "}",
        "",
    ]
    return "\n".join(lines)
