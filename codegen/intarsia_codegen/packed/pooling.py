# SPDX-License-Identifier: Apache-2.0
"""Pooling of packed feature maps through the int8 kernels, a strip of rows at a time."""

from __future__ import annotations

import numpy as np

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.packed.codes import Codes
from intarsia_codegen.packed.strips import by_strips
from intarsia_codegen.packed.whole import Generate


def pooling(call: KernelCall, name: str, codes: Codes, generate: Generate) -> GeneratedKernel | None:
    """The kernel; None where int8 has none, and where codes do not keep their meaning from input to output."""
    limits = limits_of(call.constant("table"), call.integer("in_bits"))
    if limits is None:
        return None
    settings = dict(zip(("minimum", "maximum"), limits, strict=True))
    contract = call.contract.replace("_packed", "_s8")
    return by_strips(call, name, codes, contract, call.integer("in_c"), generate, settings)


def limits_of(table: np.ndarray, bits: int) -> tuple[int, int] | None:
    """Limits to which a table of all codes, by their lowest bits, clamps; None when it does something else."""
    field = np.arange(1 << bits)
    codes = field - ((field >> (bits - 1)) << bits)
    least, most = int(table.min()), int(table.max())
    return (least, most) if np.array_equal(table, np.clip(codes, least, most)) else None
