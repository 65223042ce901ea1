# SPDX-License-Identifier: Apache-2.0
"""The constants of one layer's matrix product."""

from __future__ import annotations

from typing import Any

import numpy as np

from intarsia.fixedpoint import Int64Array, Requantization
from intarsia.kernelcall import KernelCall
from intarsia_codegen import oncerule
from intarsia_codegen.constants import codes, live_channels
from intarsia_codegen.ctext import number
from intarsia_codegen.generated import SourceFile
from intarsia_codegen.layertext import array, folded_bias, structure
from intarsia_codegen.requantization import Layer, Rule, reachable
from intarsia_codegen.rowwise.geometry import Windows
from intarsia_codegen.rowwise.layer import Product
from intarsia_codegen.xpulp import gemm, requantize, requantized
from intarsia_codegen.xpulp.sources import formed, shared

WORD = 4


def matrix_product(
    call: KernelCall, name: str, weights: np.ndarray, windows: Windows, *, whole: bool = False
) -> Product | None:
    """`weights` are [channels, depth]; cells outside the image hold the zero point, so it moves into the bias.

    `whole`: the number of pixels is always a multiple of `gemm.PIXELS`.

    None where no form of requantization is proved, or the runs of a window do not lie at equal distances.
    """
    constant = codes(call, weights)
    return _product(call, name, weights, windows, rule(call, len(weights)), constant, whole)


def matrix_product_once(call: KernelCall, name: str, weights: np.ndarray, windows: Windows) -> Product | None:
    """The same for a call that rounds once."""
    live = np.ma.masked_array(np.zeros(len(weights), np.int64), True)
    return _product(call, name, weights, windows, oncerule.codes_of(call, len(weights)), live, False)


def rule(call: KernelCall, channels: int) -> Rule:
    """The reference's rounding of a call that rounds twice."""
    multiplier, shift = (
        np.broadcast_to(call.constant(name).astype(np.int64), channels) for name in ("multiplier", "shift")
    )
    limits = (call.integer(limit) for limit in ("out_zero", "minimum", "maximum"))
    return Requantization(tuple(multiplier.tolist()), tuple(shift.tolist()), *limits).apply


def scaled(
    call: KernelCall, weights: np.ndarray, codes_of: Rule
) -> tuple[requantize.Split, np.ndarray] | None:
    """The form of a call with weights [channels, taps], and its int32 [channels, fields] but for the places."""
    low, high = reachable(weights, call.constant("bias"), call.integer("in_zero"))
    found = requantize.find(Layer(codes_of, call.integer("minimum"), call.integer("maximum"), low, high))
    if found is None:
        return None
    split, constants = found
    bias = folded_bias(call, weights.sum(axis=1, dtype=np.int64)).astype(np.int64) + constants.bias
    place = np.arange(len(weights))
    columns = (
        bias,
        constants.high,
        constants.low,
        constants.offset,
        constants.exponent,
        place,
        constants.delta,
    )
    return split, np.stack([_wrapped(column) for column in columns], axis=1)


def channel_table(name: str, rows: np.ndarray) -> str:
    """The array `<name>_channels`."""
    body = ",\n    ".join("{" + ", ".join(map(number, row)) + "}" for row in rows)
    table = f"{name}_channels"
    return (
        f"// clang-format off\nstatic const itr_xpulp_channel {table}[{len(rows)}] "
        f"ITR_WEIGHTS({table}) = {{\n    {body},\n}};\n// clang-format on\n"
    )


def _product(
    call: KernelCall,
    name: str,
    weights: np.ndarray,
    windows: Windows,
    codes_of: Rule,
    constant: np.ma.MaskedArray[Any, Any],
    whole: bool,
) -> Product | None:
    """`constant` has the codes of channels that no input changes, the others masked."""
    gaps = {b - a for a, b in zip(windows.offsets, windows.offsets[1:], strict=False)}
    found = scaled(call, weights, codes_of)
    if found is None or len(gaps) > 1:
        return None
    split, table = found
    pitch = len(weights)
    live = live_channels(constant, gemm.CHANNELS)
    live = np.concatenate([live, np.repeat(live[-1:], -live.size % gemm.CHANNELS)])
    words, runs, blocks = -(-windows.run // WORD), len(windows.offsets), live.size // gemm.CHANNELS
    short = gemm.short(words, runs)
    arrays = [array(f"{name}_weights", _packed(weights[live], runs, words)), channel_table(name, table[live])]
    fields: dict[str, int | str] = {
        "step": windows.step,
        "runs": runs,
        "words": words,
        "gap": gaps.pop() - (words - bool(short)) * WORD if gaps else 0,
        "blocks": blocks,
        "pitch": pitch,
        **{limit: call.integer(limit) for limit in ("minimum", "maximum")},
        "weights": f"{name}_weights",
        "q": f"{name}_channels",
    }
    if np.unique(live).size < pitch:
        arrays.append(array(f"{name}_constant", constant.filled(0).astype(np.int8)))
        fields["constant"] = f"{name}_constant"
    four, one = (gemm.Kernel(pixels, requantized.Codes(split), short) for pixels in (gemm.PIXELS, 1))
    kernels = (four,) if whole and "constant" not in fields else (four, one)
    function, sources = entry(kernels)

    def cost(pixels: int) -> int:
        """Cycles."""
        groups, rest = divmod(pixels, gemm.PIXELS)
        return 40 + blocks * (groups * four.cycles(words, runs) + rest * one.cycles(words, runs))

    return Product(
        function,
        f"void {function}(const int8_t *in, int8_t *out, const itr_xpulp_gemm *s, int32_t pixels)",
        gemm.HEADER,
        (*arrays, structure("itr_xpulp_gemm", f"{name}_layer", fields)),
        sources,
        cost,
        slack=words * WORD - windows.run,
        stack_bytes={kernel.name: kernel.frame.size for kernel in kernels},
    )


def entry(kernels: tuple[gemm.Kernel, ...]) -> tuple[str, tuple[SourceFile, ...]]:
    """The function for any number of pixels, or, of one kernel alone, for multiples of its own."""
    sources = (*(k.source() for k in kernels), *shared("itr_xpulp.inc", "itr_xpulp_channel.h", gemm.HEADER))
    if len(kernels) == 1:
        return kernels[0].name, sources
    four, one = kernels
    name = f"itr_xpulp_gemm_{four.form.name}{f'_{four.short}' * bool(four.short)}"
    defines = {"FUNCTION": name, "FOUR": four.name, "ONE": one.name}
    return name, (formed("gemm.c", name, gemm.HEADER, defines), *sources)


def _packed(weights: np.ndarray, runs: int, words: int) -> np.ndarray:
    """[blocks, runs, words, channels, 4] of weights [blocks * channels, runs * run]."""
    run = weights.shape[1] // runs
    padded = np.zeros((len(weights), runs, words * WORD), np.int8)
    padded[:, :, :run] = weights.reshape(len(weights), runs, run)
    blocks = padded.reshape(-1, gemm.CHANNELS, runs, words, WORD)
    return np.ascontiguousarray(blocks.transpose(0, 2, 3, 1, 4))


def _wrapped(values: Int64Array) -> np.ndarray:
    """Modulo 2**32, as int32."""
    return np.asarray(values, np.int64).astype(np.int32)
