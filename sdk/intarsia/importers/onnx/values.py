# SPDX-License-Identifier: Apache-2.0
"""What a name of an ONNX graph stands for: a constant, or a feature map and how it lies in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from intarsia.ir import Quantization

View = tuple[tuple[int, ...], ...]
"""For each axis of ONNX the physical axes that it runs over, the outermost first; physical axes of extent 1 may be left
out. A channels-last image that ONNX knows as [N, C, H, W] has the view ((0,), (3,), (1,), (2,)); flattened by ONNX it
has ((0,), (3, 1, 2))."""


@dataclass(frozen=True, eq=False)
class Known:
    """A constant [shape of ONNX]: its values, or codes with their quantization."""

    name: str
    data: np.ndarray
    quant: Quantization | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    def real(self) -> np.ndarray:
        """Values in float64, of codes too."""
        with np.errstate(invalid="ignore"):
            data = self.data.astype(np.float64)
        if self.quant is None:
            return data
        shape = [1] * data.ndim
        if self.quant.per_channel:
            shape[self.quant.axis] = -1
        scale = np.array(self.quant.scale, np.float64).reshape(shape)
        result: np.ndarray = (data - np.array(self.quant.zero_point, np.float64).reshape(shape)) * scale
        return result


@dataclass(frozen=True)
class Map:
    """A feature map: index of its tensor, and its view."""

    tensor: int
    view: View

    @property
    def rank(self) -> int:
        return len(self.view)


Value = Known | Map


def plain_view(rank: int) -> View:
    """Axes lie as ONNX has them."""
    return tuple((axis,) for axis in range(rank))
