# SPDX-License-Identifier: Apache-2.0
"""What a core can do at most: MACs per instruction or cycle, read from `bounds.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from intarsia.boards import Board

_UNITS = {"instructions": "macs_per_instruction", "cycles": "macs_per_cycle"}


@dataclass(frozen=True)
class Bound:
    """MACs per unit, by unit ("instructions", "cycles"); `products` are MACs by (weight bits, map bits) where fewer
    bits allow more. `source` says which instruction that is and where the number comes from."""

    isas: tuple[str, ...]
    arch: str | None
    cores: tuple[str, ...]
    source: str
    macs: tuple[tuple[str, float], ...]
    products: tuple[tuple[int, int, float], ...]

    def fits(self, board: Board) -> bool:
        target = board.target
        return (
            target.isa[0] in self.isas
            and self.arch in (None, target.arch)
            and (not self.cores or target.cpu in self.cores)
        )

    def of(self, unit: str, weight_bits: int, map_bits: int) -> float | None:
        """MACs in one `unit` with operands of these widths; None for operands wider than 8 bits."""
        if max(weight_bits, map_bits) > 8:
            return None
        base = dict(self.macs).get(unit)
        found = {(w, m): macs for w, m, macs in self.products}.get((weight_bits, map_bits))
        return base if base is None or found is None else max(base, found)


@cache
def bounds() -> tuple[Bound, ...]:
    """All entries of the data file, in its order."""
    text = resources.files("intarsia.report").joinpath("bounds.toml").read_text(encoding="utf-8")
    return tuple(
        Bound(
            tuple(entry["isa"]),
            entry.get("arch"),
            tuple(entry.get("cores", ())),
            entry["source"],
            tuple((unit, entry[key]) for unit, key in _UNITS.items() if key in entry),
            tuple((w, m, macs) for w, m, macs in entry.get("products", ())),
        )
        for entry in tomllib.loads(text)["bound"]
    )


def bound(board: Board) -> Bound | None:
    """The entry of a board's best instruction set; None when there is none."""
    return next((entry for entry in bounds() if entry.fits(board)), None)
