# SPDX-License-Identifier: Apache-2.0
"""Bits of every feature map, as strips of cells and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from intarsia.errors import UsageError
from intarsia.report.document import Document
from intarsia.report.text import brief

SCOPES = {
    "normal": "normal patches",
    "outlier": "outlier patches",
    "rest": "behind the split",
    "all": "all maps",
}
"""What a choice of bits holds for, and how it is called; in this order."""


@dataclass(frozen=True)
class Width:
    """Bits of a feature map by scope (see `SCOPES`), and of the weights that make it."""

    name: str
    bits: dict[str, int]
    weights: str


def widths(document: Document) -> tuple[Width, ...]:
    """Bits of every feature map: of the plan where it chose them, else of the layers' outputs. Empty for old runs.

    Raises UsageError for a damaged plan.
    """
    maps = (document.plan or {}).get("maps")
    if not maps:
        return tuple(
            Width(brief(layer.name), {"all": layer.bits}, _joined(layer.weight_bits))
            for layer in document.latency.layers
            if layer.bits is not None
        )
    found: dict[str, Width] = {}
    try:
        for entry in maps:
            name, weights = str(entry["name"]), entry.get("weights_bits")
            known = found.setdefault(
                name, Width(brief(name), {}, "" if weights is None else str(int(weights)))
            )
            if entry["scope"] not in SCOPES:
                raise ValueError(entry["scope"])
            known.bits[str(entry["scope"])] = int(entry["bits"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UsageError("the plan of this run is damaged", hint="make the run again") from None
    return tuple(found.values())


def _joined(bits: Sequence[int]) -> str:
    return ", ".join(str(b) for b in sorted(bits, reverse=True))


@dataclass(frozen=True)
class Cell:
    """A feature map in a strip: `x` and `width` in percent."""

    x: float
    width: float
    bits: int
    title: str

    @property
    def tone(self) -> int:
        """The widest of 2, 4, 8 and 32 that is not wider."""
        return max(tone for tone in (2, 4, 8, 32) if tone <= max(self.bits, 2))


@dataclass(frozen=True)
class Strip:
    """All maps in one scope."""

    name: str
    cells: tuple[Cell, ...]


def strips(found: Sequence[Width]) -> tuple[Strip, ...]:
    """One strip per scope that occurs; maps that it does not have leave a gap."""
    step = 100.0 / max(len(found), 1)
    return tuple(
        Strip(
            name,
            tuple(
                Cell(step * i, step, width.bits[scope], f"{width.name}: {width.bits[scope]} bits ({name})")
                for i, width in enumerate(found)
                if scope in width.bits
            ),
        )
        for scope, name in SCOPES.items()
        if any(scope in width.bits for width in found)
    )


def summary(found: Sequence[Width]) -> str:
    """How many maps have how many bits, in words."""
    counts: dict[int, int] = {}
    for width in found:
        for bits in width.bits.values():
            counts[bits] = counts.get(bits, 0) + 1
    return ", ".join(f"{n} of {bits} bits" for bits, n in sorted(counts.items(), reverse=True))
