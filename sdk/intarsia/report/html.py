# SPDX-License-Identifier: Apache-2.0
"""A run as one HTML file that needs nothing else: no scripts, no fonts, no network."""

from __future__ import annotations

from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

import intarsia
from intarsia.report.document import Document, Latency
from intarsia.report.text import number, ratio, safe, summary


@dataclass(frozen=True)
class Row:
    """One line of the layer table; `width` is the bar's, in percent of the longest."""

    index: int
    op: str
    name: str
    count: str
    share: str
    macs: str
    per_unit: str
    width: float


@dataclass(frozen=True)
class Part:
    """A piece of a memory bar: where it starts and how long it is, in percent; `tone` chooses its colour."""

    name: str
    size: str
    start: float
    width: float
    tone: int


@dataclass(frozen=True)
class Bar:
    """A memory and its parts."""

    name: str
    total: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Card:
    """A figure to see at first glance; `good` is None where there is nothing to judge."""

    label: str
    value: str
    note: str
    good: bool | None = None


def render(document: Document) -> str:
    """The page. Everything from the document is escaped."""
    environment = Environment(
        loader=PackageLoader("intarsia.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        model=safe(document.model),
        board=safe(document.board),
        version=intarsia.__version__,
        unit=document.latency.unit,
        counted=document.latency.unit != "none",
        cards=_cards(document),
        rows=_rows(document),
        bars=_bars(document),
        facts=[(what, safe(text)) for what, text in summary(document)],
        gates=[gate.model_copy(update={"name": safe(gate.name)}) for gate in document.gates or ()],
    )


def _cards(document: Document) -> list[Card]:
    latency, memory, score, reference = (
        document.latency,
        document.memory,
        document.accuracy,
        document.reference,
    )
    exact = not reference.mismatched_outputs
    macs = sum(layer.macs for layer in latency.layers)
    return [
        Card("Latency", number(latency.total), "no counter" if latency.unit == "none" else latency.unit),
        Card("MACs", number(macs), _efficiency(macs, latency)),
        Card("RAM", number(memory.ram_bytes), "bytes"),
        Card("Flash", number(memory.flash_bytes), "bytes"),
        Card(
            "Accuracy",
            "-" if score is None else f"{score.value:.2%}",
            "no labels" if score is None else f"{safe(score.metric)}, {score.samples:,} samples",
        ),
        Card(
            "Differing outputs",
            number(reference.mismatched_outputs),
            f"of {reference.compared:,} against {safe(reference.oracle)}",
            exact,
        ),
    ]


def _efficiency(macs: int, latency: Latency) -> str:
    if latency.total is None:
        return "per inference"
    return f"{ratio(macs, latency.total, '.2f')} per {latency.unit.removesuffix('s')}"


def _rows(document: Document) -> list[Row]:
    layers = document.latency.layers
    total = sum(layer.count or 0 for layer in layers)
    longest = max((layer.count or 0 for layer in layers), default=0)
    return [
        Row(
            layer.index,
            safe(layer.op),
            safe(layer.name),
            number(layer.count),
            ratio(layer.count, total, ".1%"),
            number(layer.macs or None),
            ratio(layer.macs or None, layer.count, ".2f"),
            100.0 * max(layer.count or 0, 0) / longest if longest > 0 else 0.0,
        )
        for layer in layers
    ]


def _bars(document: Document) -> list[Bar]:
    memory = document.memory
    rest = memory.ram_bytes - memory.arena_bytes - memory.stack_bytes
    ram = [("arena", memory.arena_bytes), ("stack", memory.stack_bytes), ("other", max(rest, 0))]
    flash = [("weights", memory.weights_bytes), ("code", memory.code_bytes)]
    return [_bar("RAM", ram), _bar("Flash", flash)]


def _bar(name: str, sizes: list[tuple[str, int]]) -> Bar:
    total = sum(size for _, size in sizes)
    parts, start = [], 0.0
    for tone, (part, size) in enumerate(sizes):
        width = 100.0 * size / total if total else 0.0
        parts.append(Part(part, f"{size:,}", start, width, tone))
        start += width
    return Bar(name, f"{total:,}", tuple(parts))
