# SPDX-License-Identifier: Apache-2.0
"""Operators, one file each, found by scanning this folder."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from intarsia.ops.base import Operator


@cache
def registry() -> dict[str, Operator]:
    """Every operator by its TFLite name."""
    found: dict[str, Operator] = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name.startswith("_") or module.name == "base":
            continue
        for value in vars(importlib.import_module(f"{__name__}.{module.name}")).values():
            if isinstance(value, Operator):
                found[value.name] = value
    return found


def get(name: str) -> Operator | None:
    """The operator of that TFLite name, or None when Intarsia does not support it."""
    return registry().get(name)
