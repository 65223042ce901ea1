# SPDX-License-Identifier: Apache-2.0
"""What a program will take, before anything is compiled."""

from __future__ import annotations

from dataclasses import dataclass

from intarsia_codegen import footprint
from intarsia_codegen.program import Program


@dataclass(frozen=True)
class Estimate:
    """Of the generated kernels of a program: bytes of flash, weights included, and instructions of one inference, None
    where layers with MACs have none."""

    flash: int
    instructions: int | None


def estimate(program: Program) -> Estimate:
    """Kernels of portable C are not in it, but for their constants."""
    kernels = [kernel for layer in program.code for kernel in layer.kernels]
    sources = {s.name: s for kernel in kernels if kernel.generated for s in kernel.generated.sources}
    written = [kernel.call for kernel in kernels if not kernel.generated]
    constants = sum(c.stored.nbytes for call in written for c in call.constants)
    cost = sum(kernel.generated.cost for kernel in kernels if kernel.generated)
    unknown = any(call.macs for call in written) or program.stages is not None
    return Estimate(sum(map(footprint.flash, sources.values())) + constants, None if unknown else cost)
