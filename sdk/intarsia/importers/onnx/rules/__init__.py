# SPDX-License-Identifier: Apache-2.0
"""Rules for ONNX operators, one file for each family, found by scanning this folder."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Any

from intarsia.importers.onnx.call import Rule


@cache
def registry() -> dict[str, Rule]:
    """Every rule by the name of its ONNX operator."""
    found: dict[str, Rule] = {}
    for module in pkgutil.iter_modules(__path__):
        for rule in getattr(importlib.import_module(f"{__name__}.{module.name}"), "RULES", ()):
            found[rule.name] = rule
    return found


def key(node: Any) -> str:
    """Name of a node's operator, with its domain where that is not ONNX's own."""
    return node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"


@cache
def remedies() -> dict[str, str]:
    """What to do about operators without a rule that people meet, by name."""
    found: dict[str, str] = {}
    for module in pkgutil.iter_modules(__path__):
        found |= getattr(importlib.import_module(f"{__name__}.{module.name}"), "REMEDIES", {})
    return found
