# SPDX-License-Identifier: Apache-2.0
"""CONV_2D of packed types for Helium (mve/convolution.py)."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.mve import convolution


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """As `convolution.generate`."""
    return convolution.generate(call, name)
