# SPDX-License-Identifier: Apache-2.0
"""From sums in registers to codes in memory, in assembler; the constants are those of `xpulp/requantize.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from intarsia_codegen.xpulp import assembler
from intarsia_codegen.xpulp.requantize import Split

CHANNEL = ("bias", "high", "low", "offset", "exponent", "place", "delta")
"""Fields of `itr_xpulp_channel`, all of a word."""
BYTES = 4 * len(CHANNEL)
HIGH, LOW, OFFSET, EXPONENT, VALUE = "a6", "a7", "t0", "t1", "t2"
DELTA, SIGN = "a1", "a2"
"""Of a form with another offset for negative sums."""
MINIMUM, MAXIMUM = "a1", "a2"
"""Of a form with limits."""


def constants(split: Split, channel: str, at: int = 0) -> list[str]:
    """Loads the constants of a channel whose `itr_xpulp_channel` lies `at` bytes behind the register `channel`."""
    fields = {"high": HIGH, "low": LOW, "offset": OFFSET, "exponent": EXPONENT}
    if split.single:
        fields = {"low": LOW}
    if split.signed:
        fields["delta"] = DELTA
    return [
        f"lw {register}, {at + 4 * CHANNEL.index(field)}({channel})" for field, register in fields.items()
    ]


def code(split: Split, total: str) -> list[str]:
    """The code of a sum, in VALUE."""
    lines = []
    if split.wide > 0:
        lines.append(f"slli {total}, {total}, {split.wide}")
    if split.wide >= 0:
        lines.append(f"add {total}, {total}, {HIGH}")
    if split.signed:
        lines.append(f"srai {SIGN}, {total}, 31")
    if split.clipped:
        lines.append(f"cv_clip {total}, {total}, {split.sum_bits}")
    if split.single:
        return [*lines, f"cv_mulsrn {VALUE}, {total}, {LOW}, {split.single}", *_limited(split)]
    if split.wide >= 0:
        lines.append(f"mulh {VALUE}, {total}, {LOW}")
    else:
        lines += [
            f"mul {VALUE}, {total}, {LOW}",
            f"srai {VALUE}, {VALUE}, {split.low_bits}",
            f"cv_mac {VALUE}, {total}, {HIGH}",
        ]
    if split.signed:
        lines.append(f"cv_mac {VALUE}, {SIGN}, {DELTA}")
    lines.append(f"cv_addnr {VALUE}, {OFFSET}, {EXPONENT}")
    return [*lines, *_limited(split)]


def _limited(split: Split) -> list[str]:
    if split.clamped:
        return [f"cv_max {VALUE}, {VALUE}, {MINIMUM}", f"cv_min {VALUE}, {VALUE}, {MAXIMUM}"]
    return [f"cv_clip {VALUE}, {VALUE}, {split.code_bits}"]


def store(split: Split, totals: Sequence[str], target: str, pitch: str) -> list[str]:
    """Codes of sums, `pitch` bytes apart from `target` on, which moves on."""
    return [line for total in totals for line in (*code(split, total), f"cv_sbr {VALUE}, {target}, {pitch}")]


@dataclass(frozen=True)
class Codes:
    """Products of int8 that become codes: a `gemm.Form`. Sums are `2**down` times those of `split`."""

    split: Split
    down: int = 0
    channel_bytes = BYTES
    place = 4 * CHANNEL.index("place")
    together = 1

    @property
    def name(self) -> str:
        return f"{self.split.name}{f'd{self.down}' * bool(self.down)}"

    def product(self, total: str, weight: str, value: str) -> str:
        """As `gemm.Form`."""
        return f"cv_sdotsp_b {total}, {weight}, {value}"

    def block(self, frame: assembler.Frame) -> list[str]:
        """As `gemm.Form`."""
        return [frame.load(MINIMUM, "minimum"), frame.load(MAXIMUM, "maximum")] if self.split.clamped else []

    def channel(self, at: int) -> list[str]:
        """As `gemm.Form`."""
        return constants(self.split, "a3", at)

    def store(self, *rows: Sequence[str]) -> list[str]:
        """As `gemm.Form`."""
        lines = [f"srai {total}, {total}, {self.down}" for total in rows[0] if self.down]
        return [*lines, *store(self.split, rows[0], "a4", "a5")]
