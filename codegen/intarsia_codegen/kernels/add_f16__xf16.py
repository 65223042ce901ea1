# SPDX-License-Identifier: Apache-2.0
"""ADD in half precision for CV32E40P with a floating-point unit (see `xf16.add`)."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.xf16 import add


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """As `add.generate`."""
    return add.generate(call, name, half=True)
