# SPDX-License-Identifier: Apache-2.0
"""The constants of one layer's matrix product."""

from __future__ import annotations

import numpy as np

from intarsia.kernelcall import KernelCall
from intarsia_codegen.carrays import array
from intarsia_codegen.mve.layertext import folded_bias, structure
from intarsia_codegen.rowwise.geometry import Windows
from intarsia_codegen.rowwise.layer import Product
from intarsia_codegen.rvv import gemm
from intarsia_codegen.rvv.requantize import double_rounding
from intarsia_codegen.rvv.sources import constants


def matrix_product(call: KernelCall, name: str, weights: np.ndarray, windows: Windows) -> Product:
    """`weights` are [channels, depth]; cells outside the image hold the zero point, so it moves into the bias."""
    channels = weights.shape[0]
    requant = double_rounding(call, folded_bias(call, weights.sum(axis=1, dtype=np.int64)))
    kernel = gemm.Kernel.of(channels, requant.form)
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
    return Product(
        kernel.name,
        kernel.prototype,
        gemm.HEADER,
        definitions,
        kernel.sources(),
        lambda pixels: kernel.cost(pixels, channels, windows.depth),
    )
