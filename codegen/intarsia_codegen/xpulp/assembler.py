# SPDX-License-Identifier: Apache-2.0
"""Assembler text for RISC-V (GNU as) with the macros of `c/itr_xpulp.h`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from intarsia_codegen.generated import SourceFile

MACROS = "itr_xpulp.inc"
STACK_ALIGNMENT = 16


def function(name: str, comment: str, lines: Iterable[str]) -> SourceFile:
    """A source `<name>.S` with one global function in a section of its own.

    `comment` is what a reader should know. Lines are instructions, or labels ending in ":".
    """
    body = "\n".join(line if line.endswith(":") else f"  {line}" for line in lines)
    text = f"""/* SPDX-License-Identifier: Apache-2.0 */
/* {comment} */
#include "{MACROS}"

  .section .text.{name}, "ax", %progbits
  .balign 4
  .global {name}
  .type {name}, %function
{name}:
{body}
  .size {name}, . - {name}

  .section .note.GNU-stack, "", %progbits
"""
    return SourceFile(f"{name}.S", text)


class Frame:
    """Words on the stack: named ones, then registers that are saved."""

    def __init__(self, names: Sequence[str], saved: Sequence[str]) -> None:
        self.names, self.saved = names, saved

    @property
    def size(self) -> int:
        return -(-4 * (len(self.names) + len(self.saved)) // STACK_ALIGNMENT) * STACK_ALIGNMENT

    def load(self, register: str, name: str) -> str:
        return f"lw {register}, {4 * self.names.index(name)}(sp)"

    def store(self, register: str, name: str) -> str:
        return f"sw {register}, {4 * self.names.index(name)}(sp)"

    def enter(self) -> list[str]:
        return [f"addi sp, sp, -{self.size}", *self._each_saved("sw")]

    def leave(self) -> list[str]:
        return [*self._each_saved("lw"), f"addi sp, sp, {self.size}", "ret"]

    def _each_saved(self, instruction: str) -> list[str]:
        first = len(self.names)
        return [f"{instruction} {r}, {4 * (first + i)}(sp)" for i, r in enumerate(self.saved)]


def cycles(lines: Iterable[str]) -> int:
    """Of instructions that wait for nothing: one each, but five of the high half of a product."""
    return sum(5 if line.startswith("mulh") else 1 for line in lines)


def loop(index: int, count: str, body: Sequence[str]) -> list[str]:
    """A hardware loop: 0 inside of 1, which goes on for two instructions or more behind it."""
    return [f"cv_setup {index}, {count}, {len(body)}", *body]
