# SPDX-License-Identifier: Apache-2.0
"""FULLY_CONNECTED in float32 for the floating-point unit of Cortex-M (see `fpv4.layers`)."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.fpv4 import layers
from intarsia_codegen.generated import GeneratedKernel


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """As `layers.convolution`."""
    return layers.convolution(call, name, half=False)
