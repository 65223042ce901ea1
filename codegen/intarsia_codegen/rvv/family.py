# SPDX-License-Identifier: Apache-2.0
"""How rows are kept with vectors."""

from __future__ import annotations

from intarsia_codegen.rowwise.layer import Family
from intarsia_codegen.rvv.sources import shared

RVV = Family(
    word="rvv",
    sources=shared("itr_rvv_rows.h", "itr_rvv_rows.c"),
    copy="itr_rvv_copy",
    copy_include="itr_rvv_rows.h",
    bytes_per_instruction=21,
)
"""128 bytes take six instructions with vectors of 128 bits."""
