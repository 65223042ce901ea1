# SPDX-License-Identifier: Apache-2.0
"""The C files beside this module, as sources of a generated project, and constants as they read them."""

from __future__ import annotations

from functools import cache
from importlib import resources

import numpy as np

from intarsia_codegen.generated import SourceFile

LICENSE = "// SPDX-License-Identifier: Apache-2.0\n"


@cache
def _read(name: str) -> str:
    return (resources.files(__package__) / "c" / name).read_text(encoding="utf-8")


def shared(*names: str) -> tuple[SourceFile, ...]:
    """Files that are the same for all layers."""
    return tuple(SourceFile(name, _read(name)) for name in names)


def function(what: str, half: bool) -> str:
    """Name of the function that `<what>.c` defines for one precision."""
    return f"itr_mvef_{what}_{'f16' if half else 'f32'}"


def formed(what: str, half: bool) -> SourceFile:
    """`<what>.c` for one precision."""
    name = function(what, half)
    defines = f"#define ITR_HALF {int(half)}\n#define ITR_FUNCTION {name}\n"
    return SourceFile(f"{name}.c", f"{LICENSE}{defines}\n{_read(f'{what}.c').removeprefix(LICENSE)}")


def lanes(half: bool) -> int:
    return 8 if half else 4


def blocks(columns: np.ndarray, bias: np.ndarray, width: int, half: bool) -> np.ndarray:
    """[blocks, 1 + depth, width]: biases, then weights, of `width` channels each, for weights [depth, channels]."""
    depth, channels = columns.shape
    count = -(-channels // width)
    table = np.zeros((1 + depth, count * width), np.float16 if half else np.float32)
    table[0, :channels], table[1:, :channels] = bias, columns
    return np.ascontiguousarray(table.reshape(1 + depth, count, width).transpose(1, 0, 2))
