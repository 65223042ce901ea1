# SPDX-License-Identifier: Apache-2.0
"""What turns packed codes into bytes and back on an instruction set, and C that is written for any of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from intarsia_codegen.generated import SourceFile


@cache
def _written(name: str, word: str) -> SourceFile:
    """A C source beside this module for one instruction set, `itr_<word>_<name>`."""
    text = (resources.files(__package__) / "c" / name).read_text(encoding="utf-8")
    text = text.replace("itr_word_", f"itr_{word}_").replace("ITR_WORD_", f"ITR_{word.upper()}_")
    return SourceFile(f"itr_{word}_{name}", text)


@dataclass(frozen=True)
class Codes:
    """The functions `itr_<word>_unpack` and `itr_<word>_pack` of `c/codes.h`, which `definitions` define.

    `unpacking` and `packing` are their instructions for a code in the middle of a long run, `last` those for each code
    of a run that ends within a byte (of at most `together` codes at its end), `run` those for every such run.
    `stack_bytes` as in GeneratedKernel.
    """

    word: str
    definitions: tuple[SourceFile, ...]
    unpacking: float
    packing: float
    last: float
    together: int
    run: float
    stack_bytes: Mapping[str, int] = field(default_factory=dict)

    @property
    def header(self) -> str:
        return f"itr_{self.word}_codes.h"

    @property
    def strips_header(self) -> str:
        return f"itr_{self.word}_strips.h"

    def sources(self) -> tuple[SourceFile, ...]:
        return (_written("codes.h", self.word), *self.definitions)

    def strip_sources(self) -> tuple[SourceFile, ...]:
        return (*self.sources(), _written("strips.h", self.word), _written("strips.c", self.word))

    def unpacked(self, runs: int, count: int, bits: int) -> float:
        """Instructions to unpack runs of codes; none at 8 bits."""
        return self._moved(self.unpacking, runs, count, bits)

    def packed(self, runs: int, count: int, bits: int) -> float:
        """Instructions to pack runs of codes; none at 8 bits."""
        return self._moved(self.packing, runs, count, bits)

    def _moved(self, each: float, runs: int, count: int, bits: int) -> float:
        if bits == 8:
            return 0.0
        if count * bits % 8 == 0:
            return each * runs * count + self.run
        return runs * (each * count + self.last * (count % self.together) + self.run)
