# SPDX-License-Identifier: Apache-2.0
"""Pooling of packed feature maps on packed codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from intarsia.dtypes import BY_BITS
from intarsia.kernelcall import KernelCall, Param
from intarsia_codegen.arm import pool
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.packed.pooling import limits_of

LARGEST_SUM = 0xFFFF
"""Of the codes of a window, as 16 bits hold it."""


def on_codes(call: KernelCall, name: str, function: str, turns: int) -> GeneratedKernel | None:
    """The kernel on packed codes, `function` with the width behind it; None for maps of two widths or of 8 bits, for
    less than a word per pixel, and for sums beyond 16 bits. `turns` as in `pool.kernel`."""
    limits, bits = limits_of(call.constant("table"), call.integer("in_bits")), call.integer("in_bits")
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
