# SPDX-License-Identifier: Apache-2.0
"""Pooling of packed feature maps: on packed codes, or the int8 kernels a strip of rows at a time."""

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

LARGEST_SUM = 0xFFFF
"""Of the codes of a window, as 16 bits hold it."""


def pooling(call: KernelCall, name: str, generate: Generate) -> GeneratedKernel | None:
    """The kernel; None where int8 has none, and where codes do not keep their meaning from input to output."""
    limits = _limits(call.constant("table"), call.integer("in_bits"))
    if limits is None:
        return None
    settings = dict(zip(("minimum", "maximum"), limits, strict=True))
    contract = call.contract.replace("_packed", "_s8")
    return by_strips(call, name, contract, call.integer("in_c"), generate, settings)


def on_codes(call: KernelCall, name: str, function: str, turns: int) -> GeneratedKernel | None:
    """The kernel on packed codes, `function` with the width behind it; None for maps of two widths or of 8 bits, for
    less than a word per pixel, and for sums beyond 16 bits. `turns` as in `pool.kernel`."""
    limits, bits = _limits(call.constant("table"), call.integer("in_bits")), call.integer("in_bits")
    if limits is None or bits == 8 or bits != call.integer("out_bits"):
        return None
    if call.integer("kernel_h") * call.integer("kernel_w") << bits > LARGEST_SUM:
        return None
    changes = {
        "in_c": BY_BITS[bits].run_bytes(call.integer("in_c")),
        **dict(zip(("minimum", "maximum"), limits, strict=True)),
    }

    def in_bytes(params: Mapping[str, Param]) -> dict[str, Param]:
        return {key: value for key, value in params.items() if key not in ("in_bits", "out_bits")} | changes

    packed = replace(call, params=in_bytes(call.params), variants=tuple(map(in_bytes, call.variants)))
    return pool.kernel(packed, name, f"{function}_{bits}", turns)


def _limits(table: np.ndarray, bits: int) -> tuple[int, int] | None:
    """Limits to which a table of all codes, by their lowest bits, clamps; None when it does something else."""
    field = np.arange(1 << bits)
    codes = field - ((field >> (bits - 1)) << bits)
    least, most = int(table.min()), int(table.max())
    return (least, most) if np.array_equal(table, np.clip(codes, least, most)) else None
