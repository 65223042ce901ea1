# SPDX-License-Identifier: Apache-2.0
"""int8 ADD: a linear form of the codes where it is proved equal, else the reference's multiplications."""

from __future__ import annotations

from intarsia_codegen.generated import SourceFile
from intarsia_codegen.mve.sources import shared


def sources(form: str) -> tuple[SourceFile, ...]:
    """`form`: "linear" or "scaled"."""
    return shared(f"itr_mve_add_{form}.h", f"itr_mve_add_{form}.c")
