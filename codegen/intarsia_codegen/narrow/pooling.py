# SPDX-License-Identifier: Apache-2.0
"""Pooling of packed feature maps: maxima of packed codes, or the int8 kernels a strip of rows at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from intarsia.dtypes import BY_BITS
from intarsia.kernelcall import KernelCall, Param
from intarsia_codegen.arm import pool
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.narrow.strips import by_strips
from intarsia_codegen.narrow.whole import Generate


def pooling(call: KernelCall, name: str, generate: Generate) -> GeneratedKernel | None:
    """The kernel; None where int8 has none, and where codes do not keep their meaning from input to output."""
    limits = _limits(call.constant("table"), call.integer("in_bits"))
    if limits is None:
        return None
    settings = dict(zip(("minimum", "maximum"), limits, strict=True))
    contract = call.contract.replace("_packed", "_s8")
    return by_strips(call, name, contract, call.integer("in_c"), generate, settings)


def maxima(call: KernelCall, name: str) -> GeneratedKernel | None:
    """MAX_POOL_2D on packed codes; None for maps of two widths or of 8 bits, and for less than a word per pixel."""
    limits, bits = _limits(call.constant("table"), call.integer("in_bits")), call.integer("in_bits")
    if limits is None or bits == 8 or bits != call.integer("out_bits"):
        return None
    changes = {
        "in_c": BY_BITS[bits].run_bytes(call.integer("in_c")),
        **dict(zip(("minimum", "maximum"), limits, strict=True)),
    }

    def in_bytes(params: Mapping[str, Param]) -> dict[str, Param]:
        return {key: value for key, value in params.items() if key not in ("in_bits", "out_bits")} | changes

    packed = replace(call, params=in_bytes(call.params), variants=tuple(map(in_bytes, call.variants)))
    return pool.kernel(packed, name, f"itr_dsp_max_pool_{bits}", 4 // bits)


def _limits(table: np.ndarray, bits: int) -> tuple[int, int] | None:
    """Limits to which a table of all codes, by their lowest bits, clamps; None when it does something else."""
    field = np.arange(1 << bits)
    codes = field - ((field >> (bits - 1)) << bits)
    least, most = int(table.min()), int(table.max())
    return (least, most) if np.array_equal(table, np.clip(codes, least, most)) else None
