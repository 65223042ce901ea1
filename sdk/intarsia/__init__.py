# SPDX-License-Identifier: Apache-2.0
"""Intarsia puts neural networks on microcontrollers.

The verbs of the command line as functions; each is imported when it is first used::

    import intarsia
    run = intarsia.profile(Path("model.tflite"), intarsia.load_board("host"), intarsia.Request())
    print(run.to_json()["memory"]["ram_bytes"])
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from intarsia.boards import load as load_board
    from intarsia.boards import names as board_names
    from intarsia.devices import find as find_devices
    from intarsia.diffing import diff
    from intarsia.doctor import diagnose
    from intarsia.errors import IntarsiaError
    from intarsia.pipeline import (
        analyze_model,
        build_project,
        flash_project,
        generate,
        load_model,
        measure_project,
        profile,
        quantize_file,
        quantize_model,
        run_project,
        validate,
    )
    from intarsia.quantize import Options
    from intarsia.report.compare import compare
    from intarsia.report.document import read as read_run
    from intarsia.report.gates import Limits
    from intarsia.report.html import render as render_html
    from intarsia.request import Budget, DataSource, Mixing, Patching, Recipe, Request

_PIPELINE = (
    "analyze_model",
    "build_project",
    "flash_project",
    "generate",
    "load_model",
    "measure_project",
    "profile",
    "quantize_file",
    "quantize_model",
    "run_project",
    "validate",
)
_HOME = {
    **{name: ("intarsia.pipeline", name) for name in _PIPELINE},
    **{
        name: ("intarsia.request", name)
        for name in ("Budget", "DataSource", "Mixing", "Patching", "Recipe", "Request")
    },
    "IntarsiaError": ("intarsia.errors", "IntarsiaError"),
    "Limits": ("intarsia.report.gates", "Limits"),
    "Options": ("intarsia.quantize", "Options"),
    "board_names": ("intarsia.boards", "names"),
    "compare": ("intarsia.report.compare", "compare"),
    "diff": ("intarsia.diffing", "diff"),
    "diagnose": ("intarsia.doctor", "diagnose"),
    "find_devices": ("intarsia.devices", "find"),
    "load_board": ("intarsia.boards", "load"),
    "read_run": ("intarsia.report.document", "read"),
    "render_html": ("intarsia.report.html", "render"),
}
"""Public name -> module and name there."""

__all__ = [
    "Budget",
    "DataSource",
    "IntarsiaError",
    "Limits",
    "Mixing",
    "Options",
    "Patching",
    "Recipe",
    "Request",
    "__version__",
    "analyze_model",
    "board_names",
    "build_project",
    "compare",
    "diagnose",
    "diff",
    "find_devices",
    "flash_project",
    "generate",
    "load_board",
    "load_model",
    "measure_project",
    "profile",
    "quantize_file",
    "quantize_model",
    "read_run",
    "render_html",
    "run_project",
    "validate",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'intarsia' has no attribute '{name}'")
    module, attribute = _HOME[name]
    value = getattr(importlib.import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
