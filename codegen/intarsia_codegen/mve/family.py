# SPDX-License-Identifier: Apache-2.0
"""How rows are kept on Helium."""

from __future__ import annotations

from intarsia_codegen.mve import rows
from intarsia_codegen.rowwise.layer import Family

MVE = Family(
    word="mve",
    sources=rows.sources(),
    copy="itr_mve_copy",
    copy_include="itr_mve_rows.h",
    bytes_per_instruction=16 / 3,
)
