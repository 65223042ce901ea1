# SPDX-License-Identifier: Apache-2.0
"""DEPTHWISE_CONV_2D in float32 for CV32E40P with a floating-point unit (see `xf16.depthwise`)."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.xf16 import depthwise


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """As `depthwise.generate`."""
    return depthwise.generate(call, name, half=False)
