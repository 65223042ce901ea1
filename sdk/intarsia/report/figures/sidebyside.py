# SPDX-License-Identifier: Apache-2.0
"""Two runs beside each other: metrics and layers, with bars of a common scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from intarsia.report.compare import Comparison, difference, value
from intarsia.report.document import Document, Layer
from intarsia.report.text import brief, number, safe


@dataclass(frozen=True)
class Metric:
    """One line of the table of metrics; bars in percent of the larger one."""

    name: str
    unit: str
    before: str
    after: str
    change: str
    percent: str
    bars: tuple[float, float]
    obstacle: str


@dataclass(frozen=True)
class Pair:
    """A layer in A and in B ("-" where one does not have it); bars in percent of the longest of all."""

    name: str
    before: str
    after: str
    change: str
    bars: tuple[float, float]


def metrics(comparison: Comparison) -> list[Metric]:
    """All metrics of a comparison."""
    lines = []
    for change in comparison.changes:
        largest = max(change.before or 0.0, change.after or 0.0)
        absolute, percent = difference(change)
        lines.append(
            Metric(
                change.metric,
                safe(change.unit),
                value(change.before),
                value(change.after),
                absolute,
                percent,
                (_share(change.before, largest), _share(change.after, largest)),
                safe(change.obstacle or ""),
            )
        )
    return lines


def layers(a: Document, b: Document) -> list[Pair]:
    """The layers of two runs, joined by place, operator and name; none when they do not count the same."""
    if a.latency.unit != b.latency.unit or a.latency.unit == "none":
        return []
    longest = max((layer.count or 0 for run in (a, b) for layer in run.latency.layers), default=0)
    return [_pair(one, other, longest) for one, other in _joined(a.latency.layers, b.latency.layers)]


def _joined(a: Sequence[Layer], b: Sequence[Layer]) -> list[tuple[Layer | None, Layer | None]]:
    """Layers of the same network side by side; what only one run has is alone in its line."""
    if [layer.op for layer in a] == [layer.op for layer in b]:
        return list(zip(a, b, strict=True))
    names = {(layer.op, layer.name): layer for layer in b}
    pairs: list[tuple[Layer | None, Layer | None]] = [
        (layer, names.pop((layer.op, layer.name), None)) for layer in a
    ]
    return [*pairs, *((None, layer) for layer in b if (layer.op, layer.name) in names)]


def _pair(a: Layer | None, b: Layer | None, longest: int) -> Pair:
    known = a or b
    assert known is not None, "a pair has at least one layer"
    before, after = (a.count if a else None), (b.count if b else None)
    return Pair(
        f"{known.index} {safe(known.op)} {brief(known.name)}",
        number(before),
        number(after),
        "-" if before is None or after is None else f"{after - before:+,}",
        (_share(before, longest), _share(after, longest)),
    )


def _share(part: float | None, whole: float) -> float:
    return 100.0 * max(part or 0.0, 0.0) / whole if whole > 0 else 0.0
