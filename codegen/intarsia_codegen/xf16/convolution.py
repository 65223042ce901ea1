# SPDX-License-Identifier: Apache-2.0
"""Convolutions and fully connected layers of reals: the matrix product of the integer kernels, on bytes of words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from intarsia.kernelcall import KernelCall, Param
from intarsia_codegen.ctext import number
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.layertext import array, structure
from intarsia_codegen.rowwise import layer
from intarsia_codegen.rowwise.geometry import Geometry, Windows
from intarsia_codegen.rowwise.layer import Product
from intarsia_codegen.xf16.form import WORD, Reals
from intarsia_codegen.xpulp import gemm
from intarsia_codegen.xpulp.family import XPULP
from intarsia_codegen.xpulp.product import entry


def generate(call: KernelCall, name: str, half: bool) -> GeneratedKernel | None:
    """CONV_2D and FULLY_CONNECTED; None for branches of patches and where runs do not lie at equal distances."""
    if call.variants:
        return None
    channels = call.integer("units" if "units" in call.params else "out_c")
    form = replace(Reals.of(call, half), paired=half and channels % 2 == 0)
    bytewise = as_bytes(call, form.size)
    geometry = Geometry.of(bytewise)
    pixels = geometry.outputs if geometry.pixelwise else bytewise.integer("out_w")
    weights = call.constant("weights").reshape(channels, -1)
    whole = pixels % gemm.PIXELS == 0
    product = _product(call, name, form, weights, geometry.windows(), whole)
    if product is None:
        return None
    return layer.generate(
        bytewise, name, XPULP, product, out_c=channels * form.size, whole_pixels=True, untyped=True
    )


def as_bytes(call: KernelCall, size: int) -> KernelCall:
    """The call with channels counted in bytes; the rows of a fully connected layer are pixels."""
    params: dict[str, Param] = {**call.params, "in_zero": 0}
    if "columns" in params:
        ones = ("kernel_h", "kernel_w", "stride_h", "stride_w", "dilation_h", "dilation_w")
        params |= {**dict.fromkeys((*ones, "in_w", "out_w"), 1), "pad_top": 0, "pad_left": 0, "batch": 1}
        params |= dict.fromkeys(("in_h", "out_h"), call.params["batch"]) | {"in_c": call.params["columns"]}
    params["in_c"] = int(str(params["in_c"])) * size
    return replace(call, params=params)


def _product(
    call: KernelCall, name: str, form: Reals, weights: np.ndarray, windows: Windows, whole: bool
) -> Product | None:
    gaps = {b - a for a, b in zip(windows.offsets, windows.offsets[1:], strict=False)}
    if len(gaps) > 1:
        return None
    pitch = len(weights)
    rows = np.arange(-(-pitch // gemm.CHANNELS) * gemm.CHANNELS)
    rows = np.where(rows < pitch, rows, pitch - form.together + rows % form.together)
    words, runs, blocks = -(-windows.run // WORD), len(windows.offsets), rows.size // gemm.CHANNELS
    short = gemm.short(words, runs)
    table = np.stack([form.words(call.constant("bias"))[rows], rows * form.size], axis=1)
    fields: dict[str, int | str] = {
        "step": windows.step,
        "runs": runs,
        "words": words,
        "gap": gaps.pop() - (words - bool(short)) * WORD if gaps else 0,
        "blocks": blocks,
        "pitch": pitch * form.size,
        **form.limits(call),
        "weights": f"{name}_weights",
        "q": f"{name}_channels",
    }
    definitions = (
        array(f"{name}_weights", _packed(weights[rows], form, runs, words)),
        array(f"{name}_channels", table.astype(np.int32)),
        structure("itr_xpulp_gemm", f"{name}_layer", {k: _literal(v) for k, v in fields.items()}),
    )
    four, one = (gemm.Kernel(pixels, form, short) for pixels in (gemm.PIXELS, 1))
    kernels = (four,) if whole else (four, one)
    function, sources = entry(kernels)

    def cost(pixels: int) -> int:
        """Cycles."""
        groups, rest = divmod(pixels, gemm.PIXELS)
        return 40 + blocks * (groups * four.cycles(words, runs) + rest * one.cycles(words, runs))

    return Product(
        function,
        f"void {function}(const int8_t *in, int8_t *out, const itr_xpulp_gemm *s, int32_t pixels)",
        gemm.HEADER,
        definitions,
        sources,
        cost,
        slack=words * WORD - windows.run,
        stack_bytes={kernel.name: kernel.frame.size for kernel in kernels},
    )


def _literal(value: int | str) -> int | str:
    return value if isinstance(value, str) else number(value)


def _packed(weights: np.ndarray, form: Reals, runs: int, words: int) -> np.ndarray:
    """[blocks, runs, words, channels, elements of a word] of weights [blocks * channels, runs * run]."""
    run = weights.shape[1] // runs
    padded = np.zeros((len(weights), runs, words * WORD // form.size), form.dtype)
    padded[:, :, :run] = weights.reshape(len(weights), runs, run)
    blocks = padded.reshape(-1, gemm.CHANNELS, runs, words, WORD // form.size)
    return np.ascontiguousarray(blocks.transpose(0, 2, 3, 1, 4))
