# SPDX-License-Identifier: Apache-2.0
"""Constant arrays of generated layers in C."""

from __future__ import annotations

import numpy as np

from intarsia_codegen import ctext


def array(name: str, data: np.ndarray) -> str:
    """A constant array of the data's own integer type, counted as weights."""
    values = np.ascontiguousarray(data).reshape(-1)
    body = ctext.array_body(values)
    text = f"static const {values.dtype.name}_t {name}[{values.size}] ITR_WEIGHTS({name}) = {{\n{body}\n}};\n"
    return f"// clang-format off\n{text}// clang-format on\n"
