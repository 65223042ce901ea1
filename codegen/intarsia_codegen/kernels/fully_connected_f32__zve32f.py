# SPDX-License-Identifier: Apache-2.0
"""FULLY_CONNECTED in float32 for RISC-V's floating-point vectors (see `rvvf.layers`)."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.rvvf import layers


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """As `layers.convolution`."""
    return layers.convolution(call, name, half=False)
