# SPDX-License-Identifier: Apache-2.0
"""Chooses the kernel variant of every call: what the board's instruction sets offer, by what the user wants to save."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from intarsia.errors import StageError
from intarsia.kernelcall import KernelCall
from intarsia.request import Objective
from intarsia_codegen import footprint, library, memo
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


Choose = Callable[[KernelCall, str], Chosen]
"""Chooses the kernel of a call, for a name."""


class Selector:
    """Chooses the kernels of one firmware, layer by layer; sources that a layer shares with those before it are free.

    `isas` are instruction sets, best first. The `objective` "speed" takes the fewest instructions, "size" the fewest
    bytes of flash, "balanced" the least product of both: half the time is worth twice the flash.
    """

    def __init__(self, isas: Sequence[str], objective: Objective = Objective.BALANCED) -> None:
        self.isas, self.objective = isas, objective
        self._sources: set[str] = set()

    def choose(self, call: KernelCall, name: str, *, portable: bool = False) -> Chosen:
        """The best generated kernel if there is one, else the first written one in the order of the instruction sets.

        `name` is a C identifier that is unique in the firmware; `portable` asks for portable C. Raises StageError when
        no variant exists.
        """
        isas = self.isas[-1:] if portable else self.isas
        found = [
            (self._score(kernel, isa), isa, kernel)
            for isa in isas
            for kernel in memo.candidates(call, isa, name)
        ]
        if found:
            _, isa, kernel = min(found, key=lambda entry: entry[0])
            self._sources.update(source.name for source in kernel.sources)
            return Chosen(call, isa, kernel.function, kernel.scratch, kernel.inplace, generated=kernel)
        for isa in isas:
            if path := library.written().get((call.contract, isa)):
                return Chosen(call, isa, f"itr_{path.stem}", call.scratch, call.inplace, written=path)
        raise StageError(f"no kernel for {call.contract} on {', '.join(isas)}")

    def _score(self, kernel: GeneratedKernel, isa: str) -> tuple[float, int, int]:
        """What is to be least, then the instructions, then the place of the instruction set."""
        order = self.isas.index(isa)
        if self.objective is Objective.SPEED:
            return kernel.cost, kernel.cost, order
        flash = sum(footprint.flash(s) for s in kernel.sources if s.name not in self._sources)
        value = flash if self.objective is Objective.SIZE else kernel.cost * flash
        return value, kernel.cost, order
