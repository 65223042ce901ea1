# SPDX-License-Identifier: Apache-2.0
"""Chooses a kernel variant for each call on a board's instruction sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from intarsia.errors import StageError
from intarsia.kernelcall import KernelCall
from intarsia_codegen import library
from intarsia_codegen.generated import GeneratedKernel


@dataclass(frozen=True, eq=False)
class Chosen:
    """A call with its variant: either a `written` source of the library or a `generated` kernel."""

    call: KernelCall
    isa: str
    function: str
    scratch: int | None
    inplace: tuple[tuple[int, int], ...]
    written: Path | None = None
    generated: GeneratedKernel | None = None


def choose(call: KernelCall, isas: Sequence[str], name: str) -> Chosen:
    """The cheapest generated kernel if there is one, else the first written one in the order of `isas`.

    `name` is a C identifier that is unique in the firmware. Raises StageError when no variant exists.
    """
    generated = [
        (kernel.cost, order, isa, kernel)
        for order, isa in enumerate(isas)
        if (generate := library.generator(call.contract, isa))
        if (kernel := generate(call, name)) is not None
        if kernel.takes_params or not call.variants
    ]
    if generated:
        _, _, isa, kernel = min(generated, key=lambda entry: entry[:2])
        return Chosen(call, isa, kernel.function, kernel.scratch, kernel.inplace, generated=kernel)
    for isa in isas:
        if path := library.written().get((call.contract, isa)):
            return Chosen(call, isa, f"itr_{path.stem}", call.scratch, call.inplace, written=path)
    raise StageError(f"no kernel for {call.contract} on {', '.join(isas)}")
