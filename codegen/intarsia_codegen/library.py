# SPDX-License-Identifier: Apache-2.0
"""The kernel variants that exist, found by their file names."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from intarsia import assets
from intarsia.kernelcall import KernelCall
from intarsia_codegen import kernels
from intarsia_codegen.generated import GeneratedKernel

PORTABLE = "scalar"
"""The instruction set word of portable C; every contract has a kernel for it."""

Generator = Callable[[KernelCall, str], GeneratedKernel | None]

_INCLUDE = re.compile(r'^\s*#include "(intarsia/[^"]+)"', re.MULTILINE)


@cache
def written() -> dict[tuple[str, str], Path]:
    """Hand-written kernels: (contract, instruction set) -> source file."""
    found = {}
    for path in sorted((assets.firmware() / "kernels").glob("*/*__*.c")):
        contract, _, isa = path.stem.partition("__")
        found[contract, isa] = path
    return found


@cache
def generators(contract: str, isa: str) -> tuple[Generator, ...]:
    """The kernel generators of a contract for an instruction set: `<contract>__<isa>` and its variants behind it."""
    base = f"{contract}__{isa}"
    names = sorted(n for n in generated() if n == base or n.startswith(f"{base}_"))
    return tuple(importlib.import_module(f"{kernels.__name__}.{name}").generate for name in names)


@cache
def generated() -> frozenset[str]:
    """Names `<contract>__<isa>` or `<contract>__<isa>_<variant>` of all generators."""
    return frozenset(m.name for m in pkgutil.iter_modules(kernels.__path__) if "__" in m.name)


def headers_of(texts: list[str]) -> list[str]:
    """Headers under firmware/include that the texts include, directly or through each other."""
    pending = [name for text in texts for name in _INCLUDE.findall(text)]
    found: set[str] = set()
    while pending:
        name = pending.pop()
        path = assets.firmware() / "include" / name
        if name not in found and path.exists():
            found.add(name)
            pending += _INCLUDE.findall(path.read_text())
    return sorted(found)
