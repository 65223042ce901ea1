# SPDX-License-Identifier: Apache-2.0
"""C literals, arrays and formatting."""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from intarsia import dtypes, programs
from intarsia.errors import EnvironmentMissing, StageError
from intarsia.kernelcall import Param

STYLE = {"BasedOnStyle": "LLVM", "ColumnLimit": 100, "AllowShortFunctionsOnASingleLine": "Empty"}
"""The style of everything we write in C, the same as .clang-format of the repository."""

FORMAT_SECONDS = 600.0

_COLUMNS = 96


def number(value: Any) -> str:
    """A literal that the compiler reads back as exactly this int or float32."""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | np.integer):
        return _integer(int(value))
    value = float(value)
    if math.isinf(value):
        return "__builtin_inff()" if value > 0 else "-__builtin_inff()"
    if math.isnan(value):
        return '__builtin_nanf("")'
    text = np.format_float_scientific(np.float32(value), unique=True, trim="0")
    return f"{text}f"


def _integer(value: int) -> str:
    if value in (-(1 << 31), -(1 << 63)):
        return "INT32_MIN" if value == -(1 << 31) else "INT64_MIN"
    return str(value) if -(1 << 31) < value < (1 << 31) else f"INT64_C({value})"


def initializer(params: Mapping[str, Param]) -> str:
    """Designated initialiser of a parameter struct."""
    parts = []
    for name, value in params.items():
        text = "{" + ", ".join(map(number, value)) + "}" if isinstance(value, tuple) else number(value)
        parts.append(f".{name} = {text}")
    return "{" + ", ".join(parts) + "}"


def array_body(data: np.ndarray) -> str:
    """Comma-separated literals, wrapped to the line length."""
    flat = data.reshape(-1)
    if flat.dtype == np.float16:
        flat = flat.view(np.uint16)
    kind, size = flat.dtype.kind, flat.dtype.itemsize
    plain = kind == "u" or (kind == "i" and (size < 4 or (size == 4 and flat.min(initial=0) > -(1 << 31))))
    words = list(map(str, flat.tolist())) if plain else [number(v) for v in flat]
    lines, line = [], ""
    for word in words:
        if len(line) + len(word) + 2 > _COLUMNS:
            lines.append(line)
            line = ""
        line += f"{word}, " if line else f"    {word}, "
    lines.append(line)
    return "\n".join(text.rstrip() for text in lines if text.strip())


def array_type(data: np.ndarray) -> str:
    return dtypes.of(data).c_type


def tidy(text: str) -> str:
    """Text formatted in our style. Raises StageError when clang-format rejects it, EnvironmentMissing without it."""
    return _clang_format(["--assume-filename=x.c"], text)


def tidy_files(paths: Sequence[Path]) -> None:
    """Formats C files in place, data arrays left out. Raises StageError as `tidy` does."""
    if paths:
        _clang_format(["-i", *map(str, paths)], None)


def _clang_format(arguments: Sequence[str], text: str | None) -> str:
    local = Path(sys.executable).with_name("clang-format")
    program = str(local) if local.exists() else shutil.which("clang-format")
    if program is None:
        raise EnvironmentMissing("clang-format is not installed", hint="pip install clang-format")
    command = [program, f"--style={json.dumps(STYLE)}", *arguments]
    done = programs.run(command, FORMAT_SECONDS, sent=(text or "").encode())
    if done.code != 0:
        raise StageError(f"clang-format failed: {done.err.strip()}")
    return done.out
