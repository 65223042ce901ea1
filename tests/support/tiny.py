# SPDX-License-Identifier: Apache-2.0
"""Builds small `.tflite` files of a few operators, tensor by tensor, as the rows of a bug log describe them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from intarsia import ops
from intarsia.exporters.flatbuffer import TfliteWriter
from intarsia.ir import Attrs

Scale = float | Sequence[float] | None


class Tiny:
    """One model: inputs, constants and operators in the order of the calls, then `bytes`."""

    def __init__(self, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.writer = TfliteWriter()
        self.inputs: list[int] = []
        self.outputs: list[int] = []
        self.count = 0

    def tensor(
        self, shape: Sequence[int], dtype: str, scale: Scale, zero: int = 0, name: str | None = None
    ) -> int:
        """A feature map."""
        self.count += 1
        return self.writer.tensor(
            name if name is not None else f"t{self.count}",
            shape,
            dtype,
            scale=scale,
            zero_point=None if scale is None else zero,
        )

    def input(
        self,
        shape: Sequence[int],
        dtype: str = "int8",
        scale: Scale = 0.05,
        zero: int = 0,
        name: str | None = None,
    ) -> int:
        index = self.tensor(shape, dtype, None if dtype == "float32" else scale, zero, name)
        self.inputs.append(index)
        return index

    def constant(
        self, data: np.ndarray, scale: Scale = None, zero: int = 0, axis: int = 0, name: str = ""
    ) -> int:
        self.count += 1
        return self.writer.tensor(
            name or f"c{self.count}",
            data.shape,
            data.dtype.name,
            data=data,
            scale=scale,
            zero_point=None if scale is None else zero,
            axis=axis,
        )

    def weights(self, shape: Sequence[int], scale: Scale = 0.02, axis: int = 0, low: int = -127) -> int:
        """int8 weights."""
        data = self.random.integers(low, 127, shape, endpoint=True)
        return self.constant(data.astype(np.int8), scale, axis=axis)

    def bias(self, count: int, scale: Scale = 0.001, dtype: str = "int32") -> int:
        return self.constant(self.random.integers(-2000, 2000, count).astype(dtype), scale)

    def numbers(self, *values: int) -> int:
        """A constant int32 vector."""
        return self.constant(np.array(values, np.int32))

    def node(
        self,
        op: str,
        inputs: Sequence[int],
        shape: Sequence[int],
        attrs: Attrs | None = None,
        *,
        dtype: str = "int8",
        scale: Scale = 0.1,
        zero: int = 0,
        options: Any = None,
        name: str | None = None,
    ) -> int:
        """An operator of one output, which is the model's last output so far."""
        output = self.tensor(shape, dtype, None if dtype in ("float32", "int32") else scale, zero, name)
        if options is None and attrs is not None:
            options = ops.registry()[op].options(attrs)
        self.writer.operator(op, inputs, [output], options)
        self.outputs = [output]
        return output

    @property
    def bytes(self) -> bytes:
        return self.writer.finish(self.inputs, self.outputs)
