# SPDX-License-Identifier: Apache-2.0
"""The `onnx` package, which is an optional extra."""

from __future__ import annotations

from typing import Any

from intarsia.errors import EnvironmentMissing


def onnx() -> Any:
    """The package, loaded late because it is large. Raises EnvironmentMissing when it is not installed."""
    try:
        import onnx as package
    except ImportError:
        raise EnvironmentMissing(
            "the package onnx, which reads .onnx files, is not installed", hint="pip install 'intarsia[onnx]'"
        ) from None
    return package
