# SPDX-License-Identifier: Apache-2.0
"""FULLY_CONNECTED int8, rounded twice, for Helium (mve/dense.py)."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.mve import denselayer
from intarsia_codegen.mve.requantize import double_rounding


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """None when weights have a zero point."""
    if call.integer("weights_zero") != 0:
        return None
    return denselayer.generate(call, name, double_rounding(call))
