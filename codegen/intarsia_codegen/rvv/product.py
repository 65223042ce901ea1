# SPDX-License-Identifier: Apache-2.0
"""The constants of one layer's matrix product."""

from __future__ import annotations

from typing import Any

import numpy as np

from intarsia.kernelcall import KernelCall
from intarsia_codegen.carrays import array
from intarsia_codegen.constants import LEAST_SAVED, codes
from intarsia_codegen.layertext import folded_bias, structure
from intarsia_codegen.rowwise.geometry import Windows
from intarsia_codegen.rowwise.layer import Product
from intarsia_codegen.rvv import gemm
from intarsia_codegen.rvv.requantize import Requantizer, double_rounding, single_rounding
from intarsia_codegen.rvv.sources import constants


def matrix_product(call: KernelCall, name: str, weights: np.ndarray, windows: Windows) -> Product:
    """`weights` are [channels, depth]; cells outside the image hold the zero point, so it moves into the bias."""
    requant = double_rounding(call, folded_bias(call, weights.sum(axis=1, dtype=np.int64)))
    return _product(name, requant, weights, windows, codes(call, weights))


def matrix_product_once(call: KernelCall, name: str, weights: np.ndarray, windows: Windows) -> Product | None:
    """The same for a call that rounds once; None where that is not proved."""
    folded = folded_bias(call, weights.sum(axis=1, dtype=np.int64))
    requant = single_rounding(call, folded, weights)
    live = np.ma.masked_array(np.zeros(len(weights), np.int64), True)
    return None if requant is None else _product(name, requant, weights, windows, live)


def _product(
    name: str,
    requant: Requantizer,
    weights: np.ndarray,
    windows: Windows,
    constant: np.ma.MaskedArray[Any, Any],
) -> Product:
    """`constant` has the codes of channels that no input changes, the others masked."""
    pitch = weights.shape[0]
    live = _live_channels(constant)
    arrays = []
    if live.size < pitch:
        requant, weights = requant.scattered(live), weights[live]
        arrays.append(array(f"{name}_constant", constant.filled(0).astype(np.int8)))
    channels = live.size
    kernel = gemm.Kernel.of(channels, requant.form)
    fields: dict[str, int | str] = {
        "channels": channels,
        "pitch": pitch,
        "runs": len(windows.offsets),
        "run": windows.run,
        "step": windows.step,
        "to": requant.limits,
        "offsets": f"{name}_offsets",
        "weights": f"{name}_weights",
        **({"constant": f"{name}_constant"} if arrays else {}),
        "q": f"&{name}_channels",
    }
    definitions = (
        *arrays,
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


def _live_channels(constant: np.ma.MaskedArray[Any, Any]) -> np.ndarray:
    """Channels to compute: those that inputs can change, or all of them where leaving some out saves little."""
    live = np.flatnonzero(np.ma.getmaskarray(constant))
    live = live if live.size else np.zeros(1, np.int64)
    blocks, needed = (-(-count // gemm.LANES["m8"]) for count in (constant.size, live.size))
    worth = (blocks - needed) * LEAST_SAVED >= blocks
    return live if worth else np.arange(constant.size)
