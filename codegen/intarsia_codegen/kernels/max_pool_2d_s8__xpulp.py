# SPDX-License-Identifier: Apache-2.0
"""MAX_POOL_2D int8 for Xpulp (xpulp/pooling.py)."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.xpulp import pooling


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """As `pooling.generate`."""
    return pooling.generate(call, name, "max")
