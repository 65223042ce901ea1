# SPDX-License-Identifier: Apache-2.0
"""How words of one float or two halves are multiplied, and how sums become outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from intarsia.kernelcall import KernelCall
from intarsia_codegen.xpulp import assembler

WORD = 4
MINIMUM, MAXIMUM, OTHER = "a1", "a2", "t2"


@dataclass(frozen=True)
class Reals:
    """A `gemm.Form`. `low` and `high`: whether outputs have a least and a greatest value.

    `paired`: halves of two channels are stored as one word.
    """

    half: bool
    low: bool
    high: bool
    paired: bool = False
    channel_bytes = 2 * WORD
    place = WORD

    @staticmethod
    def of(call: KernelCall, half: bool) -> Reals:
        low, high = (np.array(call.params[limit], np.float32) for limit in ("minimum", "maximum"))
        return Reals(half, bool(low > -np.inf), bool(high < np.inf))

    @property
    def name(self) -> str:
        return f"f{16 if self.half else 32}{'l' * self.low}{'h' * self.high}{'p' * self.paired}"

    @property
    def together(self) -> int:
        """As `gemm.Form`."""
        return 2 if self.paired else 1

    @property
    def size(self) -> int:
        """Bytes of an element."""
        return 2 if self.half else 4

    @property
    def dtype(self) -> type[np.float16] | type[np.float32]:
        return np.float16 if self.half else np.float32

    def product(self, total: str, weight: str, value: str) -> str:
        """As `gemm.Form`."""
        if self.half:
            return f"vfmac_h {total}, {weight}, {value}"
        return f"fmadd.s {total}, {weight}, {value}, {total}"

    def block(self, frame: assembler.Frame) -> list[str]:
        """As `gemm.Form`."""
        lines = [frame.load(MINIMUM, "minimum")] if self.low else []
        return [*lines, *([frame.load(MAXIMUM, "maximum")] if self.high else [])]

    def channel(self, at: int) -> list[str]:
        """As `gemm.Form`: there is nothing to load."""
        return []

    def store(self, *rows: Sequence[str]) -> list[str]:
        """As `gemm.Form`."""
        lines = []
        for totals in zip(*rows, strict=True):
            total = totals[0]
            if self.paired:
                lines += [
                    f"cv_pack {OTHER}, {totals[1]}, {total}",
                    f"cv_pack_h {total}, {totals[1]}, {total}",
                ]
            elif self.half:
                lines.append(f"srli {OTHER}, {total}, 16")
            if self.half:
                lines.append(f"vfadd_h {total}, {total}, {OTHER}")
            single = self.half and not self.paired
            lines += [*self.clamped(total), f"cv_{'shr' if single else 'swr'} {total}, a4, a5"]
        return lines

    def clamped(self, value: str) -> list[str]:
        """Limits a word whose limits are in MINIMUM and MAXIMUM."""
        least, greatest = ("vfmax_h", "vfmin_h") if self.half else ("fmax.s", "fmin.s")
        lines = [f"{least} {value}, {value}, {MINIMUM}"] if self.low else []
        return [*lines, *([f"{greatest} {value}, {value}, {MAXIMUM}"] if self.high else [])]

    def words(self, values: np.ndarray) -> np.ndarray:
        """Each value as int32: the float's bits, or a half's with zero above."""
        bits = np.asarray(values, np.float32).astype(self.dtype)
        unsigned = bits.view(np.uint16 if self.half else np.uint32).astype(np.uint32)
        return unsigned.view(np.int32)

    def limits(self, call: KernelCall) -> dict[str, int | str]:
        """Both limits as words, for every half of one."""
        found: dict[str, int | str] = {}
        for limit in ("minimum", "maximum"):
            word = int(self.words(np.array([call.params[limit]]))[0])
            both = np.array([(word & 0xFFFF) * 0x10001], np.uint32).view(np.int32)[0]
            found[limit] = int(both) if self.half else word
        return found
