# SPDX-License-Identifier: Apache-2.0
"""The constants of one layer's matrix product."""

from __future__ import annotations

from typing import Any

import numpy as np

from intarsia.dtypes import BY_BITS
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
from intarsia_codegen.xpulp import fields, gemm, requantize, requantized
from intarsia_codegen.xpulp.fields import BYTES, Widths
from intarsia_codegen.xpulp.sources import formed, shared

WORD = 4


def matrix_product(
    call: KernelCall,
    name: str,
    weights: np.ndarray,
    windows: Windows,
    *,
    whole: bool = False,
    widths: Widths = BYTES,
) -> Product | None:
    """`weights` are [channels, depth]; cells outside the image hold the zero point, so it moves into the bias.

    `whole`: the number of pixels is always a multiple of `gemm.PIXELS`.

    None where no form of requantization is proved, or the runs of a window do not lie at equal distances; below 8 bits
    also where windows are too far apart or sums too large for `xpulp.fields`.
    """
    constant = codes(call, weights)
    return _product(call, name, weights, windows, rule(call, len(weights)), constant, whole, widths)


def matrix_product_once(
    call: KernelCall, name: str, weights: np.ndarray, windows: Windows, *, widths: Widths = BYTES
) -> Product | None:
    """The same for a call that rounds once."""
    live = np.ma.masked_array(np.zeros(len(weights), np.int64), True)
    return _product(call, name, weights, windows, oncerule.codes_of(call, len(weights)), live, False, widths)


def rule(call: KernelCall, channels: int) -> Rule:
    """The reference's rounding of a call that rounds twice."""
    multiplier, shift = (
        np.broadcast_to(call.constant(name).astype(np.int64), channels) for name in ("multiplier", "shift")
    )
    limits = (call.integer(limit) for limit in ("out_zero", "minimum", "maximum"))
    return Requantization(tuple(multiplier.tolist()), tuple(shift.tolist()), *limits).apply


def scaled(
    call: KernelCall, weights: np.ndarray, codes_of: Rule, in_bits: int, weights_bits: int = 8
) -> tuple[requantize.Split, np.ndarray] | None:
    """The form of a call with weights [channels, taps] and inputs of so many bits, and its int32 [channels, fields] but
    for the places."""
    low, high = reachable(weights, call.constant("bias"), call.integer("in_zero"), in_bits)
    limits = call.integer("minimum"), call.integer("maximum")
    bits = next((bits for bits, dtype in BY_BITS.items() if bits < 8 and dtype.range == limits), 8)
    ups = (
        range(8 - fields.least_bits(weights), -1, -1) if weights_bits == 8 else (fields.SCALED[weights_bits],)
    )
    found = requantize.find(Layer(codes_of, *limits, low, high, bits), ups)
    if found is None:
        return None
    split, constants = found
    folded = folded_bias(call, weights.sum(axis=1, dtype=np.int64)).astype(np.int64)
    bias = (folded << split.up) + constants.bias
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
    widths: Widths,
) -> Product | None:
    """`constant` has the codes of channels that no input changes, the others masked."""
    gaps = {b - a for a, b in zip(windows.offsets, windows.offsets[1:], strict=False)}
    bits, found = widths.weights, scaled(call, weights, codes_of, widths.inputs, widths.weights)
    if found is None or len(gaps) > 1:
        return None
    split, table = found
    down = fields.SCALED[bits] - split.up if bits < 8 else 0
    if bits < 8 and (windows.step > fields.MOST_STEP or not fields.holds(weights, table[:, 0], down)):
        return None
    table[:, 0] <<= down
    pitch = len(weights)
    live = live_channels(constant, gemm.CHANNELS)
    live = np.concatenate([live, np.repeat(live[-1:], -live.size % gemm.CHANNELS)])
    together = fields.fields(bits)
    words, runs = -(-windows.run // WORD // together) * together, len(windows.offsets)
    blocks, short = live.size // gemm.CHANNELS, gemm.short(words, runs) if bits == 8 else 0
    kept = weights[live] << split.up if bits == 8 else weights[live]
    packed = fields.pack(_packed(kept, runs, words), bits)
    arrays = [array(f"{name}_weights", packed), channel_table(name, table[live])]
    values: dict[str, int | str] = {
        "step": windows.step,
        "runs": runs,
        "words": words // together,
        "gap": gaps.pop() - (words - bool(short)) * WORD if gaps else 0,
        "blocks": blocks,
        "pitch": pitch,
        **{limit: call.integer(limit) for limit in ("minimum", "maximum")},
        "weights": f"{name}_weights",
        "q": f"{name}_channels",
    }
    if np.unique(live).size < pitch:
        arrays.append(array(f"{name}_constant", constant.filled(0).astype(np.int8)))
        values["constant"] = f"{name}_constant"
    form = requantized.Codes(split, down)
    four, one = (_kernel(pixels, form, short, bits, windows.step) for pixels in (gemm.PIXELS, 1))
    kernels = (four,) if whole and "constant" not in values else (four, one)
    function, sources = entry(kernels)

    def cost(pixels: int) -> int:
        """Cycles."""
        groups, rest = divmod(pixels, gemm.PIXELS)
        return 40 + blocks * (groups * four.cycles(words, runs) + rest * one.cycles(words, runs))

    return Product(
        function,
        f"void {function}(const int8_t *in, int8_t *out, const itr_xpulp_gemm *s, int32_t pixels)",
        gemm.HEADER,
        (*arrays, structure("itr_xpulp_gemm", f"{name}_layer", values)),
        sources,
        cost,
        slack=words * WORD - windows.run,
        stack_bytes={kernel.name: kernel.frame.size for kernel in kernels},
    )


def _kernel(pixels: int, form: gemm.Form, short: int, bits: int, step: int) -> gemm.Kernel:
    if bits == 8:
        return gemm.Kernel(pixels, form, short)
    return fields.Kernel(pixels, form, bits=bits, step=step)


def entry(kernels: tuple[gemm.Kernel, ...]) -> tuple[str, tuple[SourceFile, ...]]:
    """The function for any number of pixels, or, of one kernel alone, for multiples of its own."""
    sources = (*(k.source() for k in kernels), *shared("itr_xpulp.inc", "itr_xpulp_channel.h", gemm.HEADER))
    if len(kernels) == 1:
        return kernels[0].name, sources
    four, one = kernels
    name = f"itr_xpulp_gemm_{four.form.name}{four.suffix}"
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
