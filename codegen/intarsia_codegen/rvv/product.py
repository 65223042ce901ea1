# SPDX-License-Identifier: Apache-2.0
"""One layer's matrix product: its constants and the call of the function that multiplies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import SourceFile
from intarsia_codegen.mve.layertext import folded_bias, structure
from intarsia_codegen.rvv import gemm
from intarsia_codegen.rvv.requantize import double_rounding
from intarsia_codegen.rvv.sources import array, constants


@dataclass(frozen=True)
class Windows:
    """Where a window's bytes lie: `runs` begin at `offsets`, the next window is `step` bytes further."""

    offsets: tuple[int, ...]
    run: int
    step: int

    @property
    def depth(self) -> int:
        return len(self.offsets) * self.run


@dataclass(frozen=True)
class Product:
    """The product of a layer named `name`."""

    name: str
    kernel: gemm.Kernel
    windows: Windows
    channels: int
    definitions: tuple[str, ...]

    @staticmethod
    def of(call: KernelCall, name: str, weights: np.ndarray, windows: Windows) -> Product:
        """`weights` are [channels, depth]; cells outside the image hold the zero point, so it moves into the bias."""
        channels = weights.shape[0]
        requant = double_rounding(call, folded_bias(call, weights.sum(axis=1, dtype=np.int64)))
        fields: dict[str, int | str] = {
            "channels": channels,
            "runs": len(windows.offsets),
            "run": windows.run,
            "step": windows.step,
            "to": requant.limits,
            "offsets": f"{name}_offsets",
            "weights": f"{name}_weights",
            "q": f"&{name}_channels",
        }
        definitions = (
            *constants(name, requant),
            array(f"{name}_weights", gemm.pack(weights)),
            array(f"{name}_offsets", np.array(windows.offsets, np.int32)),
            structure("itr_rvv_gemm", f"{name}_layer", fields),
        )
        return Product(name, gemm.Kernel.of(channels, requant.form), windows, channels, definitions)

    def statement(self, source: str, target: str, pixels: int | str) -> str:
        return f"{self.kernel.name}({source}, {target}, &{self.name}_layer, {pixels});"

    def cost(self, pixels: int) -> int:
        """Instructions for so many windows, one after the other."""
        return self.kernel.cost(pixels, self.channels, self.windows.depth)

    @property
    def sources(self) -> tuple[SourceFile, ...]:
        return self.kernel.sources()
