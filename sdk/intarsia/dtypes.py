# SPDX-License-Identifier: Apache-2.0
"""Element types: names, ranges, what they are called in C and in kernel contracts, and how they lie in memory.

Types below 8 bits are packed little end first: element i of a run lies at bit `i * bits` of the run, counted from the
lowest bit of its first byte, as two's complement. A run is all elements of the innermost axis (a pixel's channels),
and every run starts at a byte, so that a pixel can be addressed whatever the number of channels. Bits behind the last
element of a run mean nothing. With whole bytes per run (even channels of 4 bits, multiples of four of 2 bits) there are
none, and a tensor is one stream. Weights follow the same rule. numpy holds the codes unpacked, as int8.
`firmware/include/intarsia/packed.h` is made from this file (`python -m intarsia_codegen.packedheader`).
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class DType:
    """One element type. `code` is the word used in kernel contract names (s8, f32, ...).

    `numpy` is the type of its unpacked elements.
    """

    name: str
    code: str
    c_type: str
    numpy: np.dtype[np.generic]
    bits: int

    @property
    def bytes(self) -> int:
        """Bytes of an element that lies alone."""
        return -(-self.bits // 8)

    @property
    def is_packed(self) -> bool:
        """Whether elements share bytes."""
        return self.bits < 8

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
        if self.is_packed:
            return -(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1
        info = np.iinfo(self.numpy.name)
        return int(info.min), int(info.max)

    def run_bytes(self, elements: int) -> int:
        """Bytes of one run."""
        return -(-elements * self.bits // 8)

    def slots(self, elements: int) -> int:
        """Places for elements in one run, those behind the last element included."""
        return self.run_bytes(elements) * 8 // self.bits

    def storage(self, shape: Sequence[int]) -> int:
        """Bytes of a tensor."""
        return math.prod(shape[:-1]) * self.run_bytes(shape[-1] if shape else 1)

    def pack(self, array: np.ndarray) -> builtins.bytes:
        """Bytes of a tensor in memory. Raises ValueError for codes beyond the type's range."""
        if not self.is_packed:
            return np.ascontiguousarray(array, self.numpy).tobytes()
        low, high = self.range
        if array.size and not (low <= array.min() and array.max() <= high):
            raise ValueError(f"codes from {array.min()} to {array.max()} are not {self.name}")
        runs, count = _runs(array.shape)
        fields = np.zeros((runs, self.slots(count)), np.uint8)
        fields[:, :count] = array.reshape(runs, count).astype(np.uint8) & np.uint8((1 << self.bits) - 1)
        grouped = fields.reshape(-1, 8 // self.bits) << np.arange(0, 8, self.bits, dtype=np.uint8)
        packed: np.ndarray = np.bitwise_or.reduce(grouped, axis=1)
        return packed.astype(np.uint8).tobytes()

    def unpack(self, data: builtins.bytes, shape: Sequence[int]) -> np.ndarray:
        """The tensor of these bytes. Raises ValueError when there are too few or too many."""
        if len(data) != self.storage(shape):
            raise ValueError(f"{self.name}{list(shape)} takes {self.storage(shape)} bytes, not {len(data)}")
        if not self.is_packed:
            return np.frombuffer(data, self.numpy).reshape(shape)
        runs, count = _runs(shape)
        fields = np.frombuffer(data, np.uint8)[:, None] >> np.arange(0, 8, self.bits, dtype=np.uint8)
        top = np.uint8(8 - self.bits)
        codes = (fields << top).astype(np.uint8).view(np.int8) >> top.astype(np.int8)
        return np.ascontiguousarray(codes.reshape(runs, self.slots(count))[:, :count]).reshape(shape)


def _runs(shape: Sequence[int]) -> tuple[int, int]:
    """Number of runs and elements of each; a scalar is one run of one."""
    return math.prod(shape[:-1]), shape[-1] if shape else 1


def _dtype(name: str, code: str, c_type: str, numpy: type[np.generic], bits: int = 0) -> DType:
    kind = np.dtype(numpy)
    return DType(name, code, c_type, kind, bits or 8 * int(kind.itemsize))


INT8 = _dtype("int8", "s8", "int8_t", np.int8)
INT4 = _dtype("int4", "s4", "uint8_t", np.int8, 4)
INT2 = _dtype("int2", "s2", "uint8_t", np.int8, 2)
UINT8 = _dtype("uint8", "u8", "uint8_t", np.uint8)
INT16 = _dtype("int16", "s16", "int16_t", np.int16)
INT32 = _dtype("int32", "s32", "int32_t", np.int32)
INT64 = _dtype("int64", "s64", "int64_t", np.int64)
BOOL = _dtype("bool", "b8", "bool", np.bool_)
FLOAT16 = _dtype("float16", "f16", "uint16_t", np.float16)
FLOAT32 = _dtype("float32", "f32", "float", np.float32)

PACKED = (INT4, INT2)
NARROW = (INT8, *PACKED)
"""Types of quantized feature maps and weights, widest first; kernels `*_packed` take any of them."""

ALL = (INT8, UINT8, INT16, INT32, INT64, BOOL, FLOAT16, FLOAT32, *PACKED)
BY_NAME = {d.name: d for d in ALL}
BY_BITS = {d.bits: d for d in NARROW}


def of(array: np.ndarray) -> DType:
    """The DType of a numpy array. Raises KeyError for types that Intarsia has no name for."""
    return BY_NAME[array.dtype.name]
