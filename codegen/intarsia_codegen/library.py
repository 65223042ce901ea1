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
def generators() -> dict[tuple[str, str], Generator]:
    """Kernel generators: (contract, instruction set) -> generate function."""
    found: dict[tuple[str, str], Generator] = {}
    for module in pkgutil.iter_modules(kernels.__path__):
        contract, _, isa = module.name.partition("__")
        if isa:
            found[contract, isa] = importlib.import_module(f"{kernels.__name__}.{module.name}").generate
    return found


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
