# SPDX-License-Identifier: Apache-2.0
"""What a kernel generator returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

COMPILED = (".c", ".S")
"""Endings of sources that are compiled; others are included by them."""


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

    A call with `variants` is made once per branch, each time with other extents and borders. A generator that can serve
    all of them with one function sets `takes_params`: the function is then called as
    `fn(const itr_<contract>_params *p, inputs..., outputs...[, scratch])` with the parameters of the branch, the same
    struct that the portable kernel takes, and must read from it whatever differs between `call.variants`; weights and
    everything else stay inside. `scratch` must do for every variant, and `inplace` hold in every one. `pad_top` and
    `pad_left` may be negative: the window then starts inside the input; cells beyond `in_h` and `in_w` are border.
    A kernel without `takes_params` is not used for such a call.
    """

    function: str
    prototype: str
    sources: tuple[SourceFile, ...]
    cost: int
    scratch: int | None = None
    inplace: tuple[tuple[int, int], ...] = ()
    stack_bytes: Mapping[str, int] = field(default_factory=dict)
    takes_params: bool = False
