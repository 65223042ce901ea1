# SPDX-License-Identifier: Apache-2.0
"""Element types: names, ranges and what they are called in C and in kernel contracts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class DType:
    """One element type. `code` is the word used in kernel contract names (s8, f32, ...)."""

    name: str
    code: str
    c_type: str
    numpy: np.dtype[np.generic]

    @property
    def bytes(self) -> int:
        return int(self.numpy.itemsize)

    @property
    def is_integer(self) -> bool:
        return self.numpy.kind in "iu"

    @property
    def is_float(self) -> bool:
        return self.numpy.kind == "f"

    @property
    def range(self) -> tuple[int, int]:
        """Smallest and largest integer value. Raises ValueError for float types."""
        if not self.is_integer:
            raise ValueError(f"{self.name} has no integer range")
        info = np.iinfo(self.numpy.name)
        return int(info.min), int(info.max)


def _dtype(name: str, code: str, c_type: str, numpy: type[np.generic]) -> DType:
    return DType(name, code, c_type, np.dtype(numpy))


INT8 = _dtype("int8", "s8", "int8_t", np.int8)
UINT8 = _dtype("uint8", "u8", "uint8_t", np.uint8)
INT16 = _dtype("int16", "s16", "int16_t", np.int16)
INT32 = _dtype("int32", "s32", "int32_t", np.int32)
INT64 = _dtype("int64", "s64", "int64_t", np.int64)
BOOL = _dtype("bool", "b8", "bool", np.bool_)
FLOAT16 = _dtype("float16", "f16", "uint16_t", np.float16)
FLOAT32 = _dtype("float32", "f32", "float", np.float32)

ALL = (INT8, UINT8, INT16, INT32, INT64, BOOL, FLOAT16, FLOAT32)
BY_NAME = {d.name: d for d in ALL}


def of(array: np.ndarray) -> DType:
    """The DType of a numpy array. Raises KeyError for types that Intarsia has no name for."""
    return BY_NAME[array.dtype.name]
