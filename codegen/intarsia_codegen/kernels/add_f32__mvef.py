# SPDX-License-Identifier: Apache-2.0
"""ADD in float32 for Helium's floating-point vectors (see `mvef.layers`)."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.mvef import layers


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """As `layers.addition`."""
    return layers.addition(call, name, half=False)
