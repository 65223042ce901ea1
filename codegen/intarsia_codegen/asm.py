# SPDX-License-Identifier: Apache-2.0
"""Assembler text (GNU as syntax, Thumb-2) and the sources that go with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources

from intarsia_codegen.generated import SourceFile


def function(name: str, comment: str, lines: Iterable[str]) -> SourceFile:
    """A source `<name>.S` with one global Thumb function in a section of its own.

    `comment` is what a reader should know (registers, technique). Lines are instructions, or labels ending
    in ":".
    """
    body = "\n".join(line if line.endswith(":") else f"  {line}" for line in lines)
    text = f"""/* SPDX-License-Identifier: Apache-2.0 */
/* {comment} */
  .syntax unified
  .thumb
  .section .text.{name}, "ax", %progbits
  .balign 4
  .global {name}
  .thumb_func
  .type {name}, %function
{name}:
{body}
  .size {name}, . - {name}
"""
    return SourceFile(f"{name}.S", text)


def label(name: str) -> list[str]:
    """A global label inside a function, to be jumped to from another source."""
    return [f".global {name}", ".thumb_func", f".type {name}, %function", f"{name}:"]


def registers(names: Sequence[str]) -> str:
    """A register list for push, pop, ldm and stm."""
    return "{" + ", ".join(names) + "}"


@cache
def resource(name: str) -> SourceFile:
    """A C source or header that lies beside the generators in `arm/`."""
    return SourceFile(name, (resources.files("intarsia_codegen.arm") / name).read_text(encoding="utf-8"))
