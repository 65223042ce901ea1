# SPDX-License-Identifier: Apache-2.0
"""Weights, biases and requantization constants of a layer as the stream that the matrix products read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from intarsia.dtypes import BY_BITS
from intarsia.fixedpoint import INT32_MAX, Int64Array, Requantization
from intarsia.kernelcall import KernelCall
from intarsia_codegen.arm import gemm
from intarsia_codegen.arm.requantize import Plan, Requantizer, clamp_words, plan
from intarsia_codegen.generated import SourceFile
from intarsia_codegen.requantization import FULL_RANGE, Layer, Rule, reachable

HALFWORD_SCALE = 8
"""Format `h` computes 256 times the accumulator."""


@dataclass(frozen=True, eq=False)
class Weights:
    """A layer as a matrix: effective weights [channels, taps] and biases, and how its sums are requantized.

    `form` is the format of the weights, `h`, `w` (see `gemm`) or `n` (see `nibbles`), `excess` what `h` has 127 or 15
    for; raw = sum * 2**scale_bits.
    """

    matrix: Int64Array
    bias: Int64Array
    in_zero: int
    form: str
    scale_bits: int
    plan: Plan
    excess: int = 127

    @property
    def channels(self) -> int:
        return len(self.matrix)


def weights_of(call: KernelCall, matrix: np.ndarray) -> Weights | None:
    """Weights of a call with the usual constants that rounds twice; None when no format fits."""
    rule = rule_of(call, len(matrix))
    return choose(call, matrix, rule.apply, rule)


def rule_of(call: KernelCall, channels: int) -> Requantization:
    """The rule of a call, one multiplier and shift for each of its channels."""
    factors = [np.broadcast_to(call.constant(n).astype(np.int64), channels) for n in ("multiplier", "shift")]
    return Requantization(
        tuple(int(v) for v in factors[0]),
        tuple(int(v) for v in factors[1]),
        call.integer("out_zero"),
        call.integer("minimum"),
        call.integer("maximum"),
    )


def choose(call: KernelCall, matrix: Int64Array, codes: Rule, rule: Requantization | None) -> Weights | None:
    """Weights in the smaller format that fits, or None. `rule` as in `requantize.plan`."""
    layer, matrix, bias = layer_of(call, matrix, codes)
    in_zero, excess = counted_zero(call), 127 if widths_of(call)[0] == 8 else 15
    if np.abs(matrix).max(initial=0) <= 127 and (chosen := plan(layer, rule, HALFWORD_SCALE)) is not None:
        return Weights(matrix, bias, in_zero, "h", HALFWORD_SCALE, chosen, excess)
    scaled = scaled_plan(layer, matrix, rule)
    return None if scaled is None else Weights(matrix, bias, in_zero, "w", *scaled)


def widths_of(call: KernelCall) -> tuple[int, int]:
    """Bits of the input and of the output."""
    packed = "in_bits" in call.params
    return (call.integer("in_bits"), call.integer("out_bits")) if packed else (8, 8)


def counted_zero(call: KernelCall) -> int:
    """The input's zero point as kernels count codes: from the lowest one if they have less than 8 bits."""
    in_bits, _ = widths_of(call)
    return call.integer("in_zero") - (BY_BITS[in_bits].range[0] if in_bits < 8 else 0)


def layer_of(call: KernelCall, matrix: Int64Array, codes: Rule) -> tuple[Layer, Int64Array, Int64Array]:
    """Requantization of a call, its effective weights (0 where the output never changes), its biases."""
    matrix = matrix.astype(np.int64) - call.integer("weights_zero")
    bias = call.constant("bias").astype(np.int64)
    in_bits, out_bits = widths_of(call)
    ends = reachable(matrix, bias, call.integer("in_zero"), in_bits)
    layer = Layer(codes, call.integer("minimum"), call.integer("maximum"), *ends, out_bits)
    fixed, _ = layer.constant_codes()
    return layer, np.where(fixed[:, None], 0, matrix), bias


def scaled_plan(layer: Layer, matrix: Int64Array, rule: Requantization | None) -> tuple[int, Plan] | None:
    """The largest scaling of 16-bit weights by 2**scale_bits that is proved, and its plan.

    Scalings at which a channel's accumulators leave 32 bits can still be proved, when their span does not.
    """
    fixed, _ = layer.constant_codes()
    spans = np.where(fixed, 0, layer.high - layer.low).max(initial=1)
    sums = np.where(fixed, 0, np.maximum(np.abs(layer.low), np.abs(layer.high))).max(initial=1)
    weight = np.abs(matrix).max(initial=1)
    fitting = [b for b in range(9) if weight << b <= 32767]
    found = None
    for limit in (spans >> 1, sums):
        scale_bits = max((b for b in fitting if limit << b < INT32_MAX >> 1), default=0)
        chosen = plan(layer, rule, scale_bits)
        if chosen is not None:
            found = scale_bits, chosen
            if all(words is not None for words in chosen.short):
                break
    return found


@dataclass(frozen=True)
class Run:
    """Channels requantized by the same code: `label` of that code, words of the stream, first output channel.

    `next_channel` may follow; None: every channel has its own place.
    """

    label: str
    start: int
    end: int
    first: int
    next_channel: int | None


@dataclass(frozen=True, eq=False)
class Stream:
    """What one kernel reads: words, its runs, and the requantization code that they use."""

    words: list[int]
    runs: list[Run]
    sources: list[SourceFile]


def stream4(weights: Weights, order: Sequence[int]) -> Stream | None:
    """Stream for `gemm4`: channels in pairs, see `pairs_of`."""
    base = f"itr_dsp_gemm4{weights.form}"
    packed = _Packed.of(weights, order)

    def words(group: tuple[int, ...], requantizer: Requantizer) -> list[int]:
        return _group_words(weights, packed, group, requantizer)

    pairs, store = pairs_of(weights)
    return stream_of(weights, pairs, words, lambda r: gemm.gemm4_requantize(r, base, store), store)


def pairs_of(weights: Weights) -> tuple[list[tuple[int, int]], str]:
    """Channels in pairs, and how they are stored. An odd last channel makes a pair with the one before, again.

    With `scattered` channels the pairs are made of those whose output varies.
    """
    count = weights.channels
    store = "pairs"
    pairs = [(c, c + 1) for c in range(0, count - 1, 2)]
    if scattered(weights):
        store = "scattered"
        live = np.flatnonzero(~weights.plan.fixed).tolist() or [0]
        pairs = [(live[k], live[min(k + 1, len(live) - 1)]) for k in range(0, len(live), 2)]
    elif count == 1:
        store = "single"
        pairs = [(0, 0)]
    elif count % 2:
        pairs.append((count - 2, count - 1))
    return pairs, store


def scattered(weights: Weights) -> bool:
    """Whether channels that give the same code for every input are left out of the product.

    Their codes are laid out beforehand for each pixel, which pays from a few pairs on.
    """
    left_out = int(weights.plan.fixed.sum()) // 2
    per_pair = 6 * weights.matrix.shape[1] + 36
    copying = 2 * weights.channels + 160
    full = weights.plan.limits == FULL_RANGE
    return full and left_out * per_pair > copying


def stream1(weights: Weights, order: Sequence[int]) -> Stream | None:
    """Stream for `gemv4`: channels in fours; beyond the last one it is repeated, so the output is longer."""
    last = weights.channels - 1
    fours = [tuple(min(c + k, last) for k in range(4)) for c in range(0, weights.channels, 4)]
    base = f"itr_dsp_gemv4{weights.form}"
    packed = _Packed.of(weights, order)

    def words(group: tuple[int, ...], requantizer: Requantizer) -> list[int]:
        return _group_words(weights, packed, group, requantizer)

    return stream_of(weights, fours, words, lambda r: gemm.gemv4_requantize(r, base), "fours")


def stream_of(
    weights: Weights,
    groups: Sequence[tuple[int, ...]],
    group_words: Callable[[tuple[int, ...], Requantizer], list[int]],
    requantize_code: Callable[[Requantizer], tuple[str, SourceFile]],
    store: str,
) -> Stream | None:
    """The stream of groups of channels, whose words `group_words` makes; None where no requantization fits one."""
    words: list[int] = []
    runs: list[Run] = []
    sources: dict[str, SourceFile] = {}
    for group in groups:
        requantizer = weights.plan.requantizer_of(group)
        if requantizer is None:
            return None
        code, source = requantize_code(requantizer)
        sources[source.name] = source
        start = len(words)
        words += group_words(group, requantizer)
        words += group if store == "scattered" else ()
        follows = runs and runs[-1].label == code and runs[-1].next_channel in (group[0], None)
        channel, after = (0, None) if store == "scattered" else (group[0], group[-1] + 1)
        first = runs.pop() if follows else Run(code, start, start, channel, after)
        runs.append(replace(first, end=len(words), next_channel=after))
    return Stream(words, runs, list(sources.values()))


@dataclass(frozen=True, eq=False)
class _Packed:
    """Weights in stream order: U and V words [channels, groups of four] and the format's excess in sums."""

    u: Int64Array
    v: Int64Array | None
    excess: Int64Array

    @staticmethod
    def of(weights: Weights, order: Sequence[int]) -> _Packed:
        indices = np.array(order)
        taps = np.where(indices < 0, 0, weights.matrix[:, indices])
        w0, w1, w2, w3 = (taps[:, k::4] for k in range(4))
        if weights.form == "w":
            scaled = [w << weights.scale_bits for w in (w0, w1, w2, w3)]
            zero = np.zeros(weights.channels, np.int64)
            return _Packed(halves(scaled[0], scaled[2]), halves(scaled[1], scaled[3]), zero)
        return _Packed(halves(256 * w0 + w1, 256 * w2 + w3), None, weights.excess * (w1 + w3).sum(axis=1))


def halves(low: Int64Array, high: Int64Array) -> Int64Array:
    """Words of two signed halfwords."""
    assert max(np.abs(low).max(initial=0), np.abs(high).max(initial=0)) <= 32767
    return (low & 0xFFFF) | ((high & 0xFFFF) << 16)


def _group_words(
    weights: Weights, packed: _Packed, group: tuple[int, ...], requantizer: Requantizer
) -> list[int]:
    """Biases, weights and constants of channels that are computed together."""
    channels = list(group)
    words = [
        b - int(packed.excess[c]) for b, c in zip(biases(weights, group, requantizer), group, strict=True)
    ]
    planes = [packed.u[channels]] + ([] if packed.v is None else [packed.v[channels]])
    words += np.stack(planes, axis=1).transpose(2, 1, 0).reshape(-1).tolist()
    return words + ending_words(weights, group, requantizer)


def biases(weights: Weights, group: tuple[int, ...], requantizer: Requantizer) -> list[int]:
    """What sums of channels start from, zero points of the input included."""
    zero_sum = weights.in_zero * weights.matrix[list(group)].sum(axis=1)
    return [
        int((weights.bias[c] - zero) << weights.scale_bits) + weights.plan.bias_of(requantizer, c)
        for c, zero in zip(group, zero_sum, strict=True)
    ]


def ending_words(weights: Weights, group: tuple[int, ...], requantizer: Requantizer) -> list[int]:
    """Constants of the requantization of channels, and limits."""
    words = [word for c in group for word in weights.plan.constants(requantizer, c)]
    return words + (clamp_words(weights.plan.limits) if requantizer.clamps else [])
