# SPDX-License-Identifier: Apache-2.0
"""How rows are kept: as in portable C, but pixels are copied in blocks of the product."""

from __future__ import annotations

from dataclasses import replace

from intarsia_codegen.blocked.sources import BLOCKED
from intarsia_codegen.xpulp.gemm import PIXELS

XPULP = replace(BLOCKED, pixels=PIXELS)
