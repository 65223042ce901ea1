# SPDX-License-Identifier: Apache-2.0
"""A network as a library for other build systems: one module for each, found by its name."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from intarsia_codegen.libraries.base import LibraryFormat


@cache
def formats() -> dict[str, LibraryFormat]:
    """The formats that exist, by name."""
    modules = sorted(m.name for m in pkgutil.iter_modules(__path__))
    found = (importlib.import_module(f"{__name__}.{name}") for name in modules if name != "base")
    return {module.FORMAT.name: module.FORMAT for module in found}
