# SPDX-License-Identifier: Apache-2.0
"""FULLY_CONNECTED int8 that rounds once, for Arm's DSP extension: the same code, proved for another rule."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen import oncerule
from intarsia_codegen.arm.matrix import Weights, choose
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.kernels.fully_connected_s8_s8__dsp import of_weights


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """The kernel, or None when a unit has no proved short form."""
    return of_weights(name, weights_of(call), call.integer("batch"))


def weights_of(call: KernelCall) -> Weights | None:
    """Weights of a call; None when a unit has no proved short form."""
    codes = oncerule.codes_of(call, call.integer("units"))
    return choose(call, call.constant("weights"), codes, None)
