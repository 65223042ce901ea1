# SPDX-License-Identifier: Apache-2.0
"""ADD of feature maps of 4 or 2 bits: four bits of each operand look four bits of output up."""

from __future__ import annotations

import numpy as np

from intarsia.dtypes import BY_BITS
from intarsia.kernelcall import KernelCall
from intarsia_codegen.arm.addition import sum_codes
from intarsia_codegen.arm.emission import int8_array
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.narrow.layer import variants
from intarsia_codegen.narrow.sources import resource, struct
from intarsia_codegen.packed.entry import Entry

FIELD = 4
"""Bits of an operand that are looked up at a time."""

_WORD, _WIDE_WORD, _CALL = 40, 54, 40
"""Instructions for four bytes, with outputs of 8 bits, and for a call."""


def addition_by_table(call: KernelCall, name: str) -> GeneratedKernel | None:
    """The kernel of an `add_packed` call whose maps all have the same bits, less than 8, or of maps of 4 bits with
    outputs of 8; else None."""
    width, other, out_bits = (call.integer(f"{operand}_bits") for operand in ("a", "b", "out"))
    wide = (width, out_bits) == (FIELD, 8) and all(int(str(p["count"])) % 2 == 0 for p in variants(call))
    if width != other or not (wide or width == out_bits < 8) or len(call.inputs) != 2 or call.constants:
        return None
    entry = Entry(call, name, ("const void *a", "const void *b", "void *out"))
    parts = [
        int8_array(name, "table", table(call, width)),
        struct("itr_dsp_add_table", {"table": f"{name}_table", "bits": width}),
    ]
    driver = "itr_dsp_add_by_table_to_bytes" if wide else "itr_dsp_add_by_table"
    text = entry.source(f"Sums of {width}-bit maps.", ["itr_dsp_add_table.h"], parts, driver)
    runs = [(int(str(p["runs"])), int(str(p["count"]))) for p in variants(call)]
    total = sum(number * BY_BITS[width].run_bytes(count) for number, count in runs)
    return GeneratedKernel(
        name,
        f"{entry.prototype};",
        (text, resource("itr_dsp_add_table.h"), resource("itr_dsp_add_table.c")),
        total * (_WIDE_WORD if wide else _WORD) // 4 + _CALL * len(variants(call)),
        scratch=0,
        inplace=() if wide else call.inplace,
        takes_params=entry.takes_params,
    )


def table(call: KernelCall, bits: int) -> np.ndarray:
    """The fields of output for all pairs of fields [256]: the codes of a lie in the lower half of the index."""
    places = range(0, FIELD, bits)
    field = np.arange(1 << FIELD)
    found = np.zeros((1 << FIELD, 1 << FIELD), np.int64)
    for place in places:
        code = (field >> place) & ((1 << bits) - 1)
        code -= (code >> (bits - 1)) << bits
        sums = sum_codes(call, code, code)  # [a, b]
        found |= ((sums & ((1 << call.integer("out_bits")) - 1)) << place).T
    return found.reshape(-1).astype(np.int8)
