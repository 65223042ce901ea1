# SPDX-License-Identifier: Apache-2.0
"""AVERAGE_POOL_2D int8 for Arm's DSP extension: four channels at a time."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.arm import pool
from intarsia_codegen.generated import GeneratedKernel


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """The kernel, or None for less than four channels."""
    return pool.kernel(call, name, pool.Function("itr_dsp_average_pool", group=155))
