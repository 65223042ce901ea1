# SPDX-License-Identifier: Apache-2.0
"""Instruction sequences that turn raw accumulators into output codes, and the choice between them.

A sequence is one of the forms that `intarsia_codegen.requantization` proves, or the exact form: the
rounding rule itself, instruction by instruction, for the rare channel that has no proved short form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from intarsia.fixedpoint import INT32_MAX, Int64Array, Requantization
from intarsia_codegen.requantization import Constants, Form, Layer, Search

ONE_LINE_EXPONENTS = (10, 12, 8, 14, 6, 16, 4, 18, 2, 20, 0)
"""Tried in this order. Layers with the same exponent share code; 10 suits most layers of most networks."""

TWO_LINE_EXPONENTS = (15, 14, 16, 13, 12, 17, 11, 18, 10, 9, 8, 7, 6, 20, 5, 4, 2, 0)
"""The same for the sign form, which needs finer offsets."""

MOST_PLANS = 512
"""Plans that are remembered."""


@dataclass(frozen=True)
class Requantizer:
    """An instruction sequence. `form` None is the exact one, for raw = accumulator * 2**scale_bits. `bits` of the
    output."""

    form: Form | None
    scale_bits: int = 0
    exact_clamp: bool = False
    bits: int = 8

    @property
    def name(self) -> str:
        """Part of symbol and file names."""
        width = "" if self.bits == 8 else f"o{self.bits}"
        if self.form is None:
            return f"exact{self.scale_bits}{'c' * self.exact_clamp}{width}"
        return f"e{self.form.exponent}{'s' * self.form.signed}{'c' * self.form.clamp}{width}"

    @property
    def clamps(self) -> bool:
        """Whether the layer's limits are to be applied behind the sequence."""
        return self.exact_clamp if self.form is None else self.form.clamp

    @property
    def words(self) -> int:
        """32-bit constants of one channel."""
        if self.form is None:
            return 5
        return 3 if self.form.signed else 2

    @property
    def instructions(self) -> int:
        """Instructions for one output when the constants come from memory each time."""
        return len(self.from_memory("r4", "r1", 0, ("r2", "r3")))

    def two_instructions(self, accumulator: str, multiplier: str, offset: str) -> list[str]:
        """The one-line form with its constants in registers."""
        assert self.form is not None
        return [
            f"smmla {accumulator}, {accumulator}, {multiplier}, {offset}",
            f"ssat {accumulator}, #{self.bits}, {accumulator}, asr #{self.form.exponent}",
        ]

    def sign_form(self, accumulator: str, constants: tuple[str, str, str], free: str) -> list[str]:
        """The two-line form with multiplier, offset and delta in registers."""
        assert self.form is not None
        multiplier, offset, delta = constants
        return [
            f"and {free}, {delta}, {accumulator}, asr #31",
            f"sub {free}, {offset}, {free}",
            f"smmla {accumulator}, {accumulator}, {multiplier}, {free}",
            f"ssat {accumulator}, #{self.bits}, {accumulator}, asr #{self.form.exponent}",
        ]

    def from_memory(self, accumulator: str, base: str, offset: int, free: tuple[str, str]) -> list[str]:
        """Any form, constants at [base, #offset]. The clamp is left to the caller."""
        a, t, u = accumulator, *free
        if self.form is None:
            return self._exact(a, base, offset, t)
        lines = [f"ldrd {t}, {u}, [{base}, #{offset}]"]
        if not self.form.signed:
            return lines + self.two_instructions(a, t, u)
        return [
            f"ldrd {t}, {u}, [{base}, #{offset + 4}]",
            f"and {u}, {u}, {a}, asr #31",
            f"sub {u}, {t}, {u}",
            f"ldr {t}, [{base}, #{offset}]",
            *self.two_instructions(a, t, u),
        ]

    def _exact(self, a: str, base: str, offset: int, t: str) -> list[str]:
        """SMMULR of twice the value is the first rounding; the sign mask makes the second go away from 0."""
        lines = [f"asr {a}, {a}, #{self.scale_bits}"] if self.scale_bits else []
        return [
            *lines,
            f"ldr {t}, [{base}, #{offset}]",
            f"lsl {a}, {a}, {t}",
            f"ldr {t}, [{base}, #{offset + 4}]",
            f"smmulr {a}, {a}, {t}",
            f"ldr {t}, [{base}, #{offset + 8}]",
            f"and {t}, {t}, {a}, asr #31",
            f"add {a}, {a}, {t}",
            f"ldr {t}, [{base}, #{offset + 12}]",
            f"add {a}, {a}, {t}",
            f"ldr {t}, [{base}, #{offset + 16}]",
            f"asr {a}, {a}, {t}",
            f"ssat {a}, #{self.bits}, {a}",
        ]


@dataclass(frozen=True, eq=False)
class Plan:
    """How the channels of a layer can be requantized.

    `short[c]` and `precise[c]` are the constants of channel c for `main` and for `exact`; None where that
    sequence is not right for the channel (at least one is). `bias[c]` is to be added to raw accumulators
    for `main`. `fixed` marks the channels that give the same code for every input: their accumulators may
    be anything.
    """

    main: Requantizer
    exact: Requantizer
    short: tuple[tuple[int, ...] | None, ...]
    precise: tuple[tuple[int, ...] | None, ...]
    bias: Int64Array
    fixed: np.ndarray
    code: Int64Array
    limits: tuple[int, int]

    def requantizer_of(self, channels: Sequence[int]) -> Requantizer | None:
        """The sequence that is right for all the channels, or None."""
        if all(self.short[c] is not None for c in channels):
            return self.main
        return self.exact if all(self.precise[c] is not None for c in channels) else None

    def constants(self, requantizer: Requantizer, channel: int) -> tuple[int, ...]:
        """Words of a channel for a sequence that is right for it."""
        words = (self.short if requantizer is self.main else self.precise)[channel]
        assert words is not None
        return words

    def bias_of(self, requantizer: Requantizer, channel: int) -> int:
        return int(self.bias[channel]) if requantizer is self.main else 0


def plan(layer: Layer, rule: Requantization | None, scale_bits: int) -> Plan | None:
    """The cheapest proved plan, or None when some channel has neither a short form nor the exact one.

    `rule` gives the constants of the exact form (None: the layer's rule is not one that rounds twice). A rule that was
    planned before for the same accumulators is not planned again: in a search for patches most of them come back.
    """
    if rule is None:
        return _made(layer, rule, scale_bits)
    return _remembered(
        rule, layer.minimum, layer.maximum, layer.low.tobytes(), layer.high.tobytes(), layer.bits, scale_bits
    )


@lru_cache(maxsize=MOST_PLANS)
def _remembered(
    rule: Requantization, minimum: int, maximum: int, low: bytes, high: bytes, bits: int, scale_bits: int
) -> Plan | None:
    first, last = (np.frombuffer(end, np.int64) for end in (low, high))
    return _made(Layer(rule.apply, minimum, maximum, first, last, bits), rule, scale_bits)


def _made(layer: Layer, rule: Requantization | None, scale_bits: int) -> Plan | None:
    form, found = _best(layer, scale_bits)
    main, exact = Requantizer(form, scale_bits, bits=layer.bits), _exact_requantizer(layer, scale_bits)
    short = tuple(_short_constants(found, main, c) for c in range(layer.channels))
    precise = tuple(_exact_constants(layer, rule, scale_bits, c) for c in range(layer.channels))
    if any(a is None and b is None for a, b in zip(short, precise, strict=True)):
        return None
    fixed, code = layer.constant_codes()
    return Plan(main, exact, short, precise, found.bias, fixed, code, (layer.minimum, layer.maximum))


def _exact_requantizer(layer: Layer, scale_bits: int) -> Requantizer:
    return Requantizer(None, scale_bits, not layer.full, layer.bits)


def _short_constants(found: Constants, requantizer: Requantizer, channel: int) -> tuple[int, ...] | None:
    if not found.proved[channel]:
        return None
    words = (int(found.multiplier[channel]), int(found.offset[channel]), int(found.delta[channel]))
    return words[: requantizer.words]


def _best(layer: Layer, scale_bits: int) -> tuple[Form, Constants]:
    """The cheapest form that is proved for all channels, or the one that is proved for most."""
    clamps = (False,) if layer.full else (False, True)
    low, high = _usable_exponents(layer, scale_bits)
    best: tuple[int, Form, Constants] | None = None
    for clamp in clamps:
        for signed, exponents in ((False, ONE_LINE_EXPONENTS), (True, TWO_LINE_EXPONENTS)):
            search = Search(layer, signed=signed, clamp=clamp)
            for exponent in exponents:
                if low <= exponent <= high:
                    constants = search.prove(exponent, scale_bits)
                    count = int(constants.proved.sum())
                    if best is None or count > best[0]:
                        best = (count, Form(exponent, signed, clamp), constants)
                    if count == layer.channels:
                        return best[1:]
    assert best is not None  # every range of exponents has one of each list
    return best[1:]


def _usable_exponents(layer: Layer, scale_bits: int) -> tuple[int, int]:
    """Exponents for which the multiplier of a typical channel has 32 bits or less, but not far less."""
    fixed, _ = layer.constant_codes()
    if fixed.all():
        return 0, 20
    span = (layer.high - layer.low)[~fixed]
    codes = (layer.codes(layer.high) - layer.codes(layer.low))[~fixed]
    bits = float(np.median(np.log2(span / codes)))  # accumulators per code
    low = min(max(0, int(bits) - 9), 18)
    return low, max(low, min(20, int(bits) + scale_bits + 1))


def _exact_constants(
    layer: Layer, rule: Requantization | None, scale_bits: int, channel: int
) -> tuple[int, int, int, int, int] | None:
    """Left shift, multiplier, sign mask, rounding term, right shift; None where 32 bits do not hold them."""
    first, last = (int(layer.codes(end)[channel]) for end in (layer.low, layer.high))
    if first == last:
        return 0, 0, 0, first, 0
    if rule is None:
        return None
    largest = max(abs(int(layer.low[channel])), abs(int(layer.high[channel])))
    multiplier, shift = rule.multiplier[channel], rule.shift[channel]
    left, right = max(shift, 0), max(-shift, 0)
    term = (1 << right >> 1) + (rule.zero_point << right)
    fits = largest << (left + 1) <= INT32_MAX and largest << scale_bits <= INT32_MAX
    if not fits or (largest << left) + abs(term) > INT32_MAX:
        return None
    return left + 1, multiplier, -1 if right else 0, term, right


def clamp_words(limits: tuple[int, int]) -> list[int]:
    """Both limits, each repeated in the four bytes of a word."""
    return [(limit & 0xFF) * 0x01010101 for limit in limits]
