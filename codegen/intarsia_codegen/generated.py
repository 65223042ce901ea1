# SPDX-License-Identifier: Apache-2.0
"""What a kernel generator returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class SourceFile:
    """A source of the project. Files of the same name must have the same text: that is how layers share code.

    Weights, biases and requantization constants go to a section `.rodata.itr_weights.<symbol>`, so that they are
    counted apart from code.
    """

    name: str
    text: str


@dataclass(frozen=True)
class GeneratedKernel:
    """A kernel made for one call.

    `function` is called as `fn(inputs..., outputs...[, scratch])`: parameters and constants are inside. `prototype`
    declares it. `scratch` in bytes, or None when there is no such argument. `inplace` as in KernelCall. `cost` is the
    estimated number of instructions of one call (documented per generator; used to choose between variants).
    `stack_bytes` gives the stack of each function written in assembler, itself alone, callees excluded.
    """

    function: str
    prototype: str
    sources: tuple[SourceFile, ...]
    cost: int
    scratch: int | None = None
    inplace: tuple[tuple[int, int], ...] = ()
    stack_bytes: Mapping[str, int] = field(default_factory=dict)
