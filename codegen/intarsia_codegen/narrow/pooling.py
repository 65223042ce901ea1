# SPDX-License-Identifier: Apache-2.0
"""Pooling of packed feature maps on packed codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from intarsia.dtypes import BY_BITS
from intarsia.kernelcall import KernelCall, Param
from intarsia_codegen.arm import pool
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.packed.pooling import limits_of

LARGEST_SUM = 0xFFFF
"""Of the codes of a window, as 16 bits hold it."""

LARGEST_FACTOR = 0x7FFF
"""Of the multiplications of two halfwords that averages are."""


def _average(cells: int, bits: int, offset: int) -> dict[str, int]:
    """Averages of whole windows as one line, compared with the rule at every sum; nothing where there is none."""
    lowest = 1 << (bits - 1)
    sums = np.arange(((1 << bits) - 1) * cells + 1)
    total = sums - lowest * cells + offset * cells
    codes = np.sign(total) * ((np.abs(total) + cells // 2) // cells) - offset + lowest
    slope = round(65536 / cells)
    near = slope + np.arange(-slope >> 5, (slope >> 5) + 1)[:, None]
    first = ((codes << 16) - sums * near).max(axis=1)
    last = (((codes + 1) << 16) - 1 - sums * near).min(axis=1)
    best = int((last - first).argmax())
    factor = int(near[best, 0])
    if first[best] > last[best] or factor > LARGEST_FACTOR or sums[-1] > LARGEST_FACTOR:
        return {}
    return {"cells": cells, "factor": factor, "term": int(first[best] + last[best]) // 2}


def on_codes(call: KernelCall, name: str, function: pool.Function) -> GeneratedKernel | None:
    """The kernel on packed codes, `function` (as for 4 bits) with the width behind its name; None for maps of two
    widths or of 8 bits, for less than a word per pixel, and for sums beyond 16 bits."""
    limits, bits = limits_of(call.constant("table"), call.integer("in_bits")), call.integer("in_bits")
    if limits is None or bits == 8 or bits != call.integer("out_bits"):
        return None
    if call.integer("kernel_h") * call.integer("kernel_w") << bits > LARGEST_SUM:
        return None
    changes = {
        "in_c": BY_BITS[bits].run_bytes(call.integer("in_c")),
        **dict(zip(("minimum", "maximum"), limits, strict=True)),
    }
    if call.op == "average_pool_2d":
        changes |= _average(call.integer("kernel_h") * call.integer("kernel_w"), bits, call.integer("offset"))

    def in_bytes(params: Mapping[str, Param]) -> dict[str, Param]:
        return {key: value for key, value in params.items() if key not in ("in_bits", "out_bits")} | changes

    packed = replace(call, params=in_bytes(call.params), variants=tuple(map(in_bytes, call.variants)))
    return pool.kernel(packed, name, replace(function, name=f"{function.name}_{bits}", turns=4 // bits))
