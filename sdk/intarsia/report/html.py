# SPDX-License-Identifier: Apache-2.0
"""A run, or two of them side by side, as one HTML file that needs nothing else: no scripts, no fonts, no network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

import intarsia
from intarsia.report.compare import Comparison
from intarsia.report.document import Classification, Document, Latency, Memory
from intarsia.report.figures import arena, bits, layers, patches, reference, sidebyside
from intarsia.report.pictures import Pictures, data_uri
from intarsia.report.text import number, ratio, safe, summary

THUMBNAIL = 112
SHADES = 4
"""Steps of colour of a confusion matrix."""


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
    """A figure to see at first glance, with its unit; `good` is None where there is nothing to judge."""

    label: str
    value: str
    unit: str
    note: str = ""
    good: bool | None = None


@dataclass(frozen=True)
class Cell:
    """A cell of the confusion matrix; `shade` grows with its share of the row."""

    count: int
    shade: int
    right: bool


@dataclass(frozen=True)
class Thumbnail:
    """A sample that was decided badly; `image` is a URI or None."""

    image: str | None
    index: int
    label: int
    predicted: int
    margin: str


@cache
def templates() -> Environment:
    """The templates; everything that comes from a run is escaped."""
    return Environment(
        loader=PackageLoader("intarsia.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(document: Document, pictures: Pictures | None = None) -> str:
    """The page of one run; `pictures` are those kept beside it."""
    pictures = pictures or {}
    return templates().get_template("report.html.j2").render(context(document, pictures))


def render_comparison(comparison: Comparison, runs: Sequence[Document]) -> str:
    """The page of two runs A and B."""
    return (
        templates()
        .get_template("comparison.html.j2")
        .render(
            version=intarsia.__version__,
            title=f"{safe(runs[0].model)} and {safe(runs[1].model)}",
            names=[safe(name) for name in comparison.names],
            runs=[(safe(run.model), safe(run.board)) for run in runs],
            metrics=sidebyside.metrics(comparison),
            lines=sidebyside.layers(*runs),
            unit=runs[0].latency.unit if runs[0].latency.unit == runs[1].latency.unit else None,
            failed=[safe(text) for text in comparison.failed],
            environments=[run.environment for run in runs],
            safe=safe,
        )
    )


def context(document: Document, pictures: Pictures) -> dict[str, Any]:
    """What the template of a run gets."""
    unit, widths = document.latency.unit, bits.widths(document)
    return {
        "version": intarsia.__version__,
        "title": f"{safe(document.model)} on {safe(document.board)}",
        "model": safe(document.model),
        "board": safe(document.board),
        "unit": unit,
        "one": unit.removesuffix("s"),
        "counted": unit != "none",
        "cards": list(_cards(document)),
        "gates": [gate.model_copy(update={"name": safe(gate.name)}) for gate in document.gates or ()],
        "lines": layers.lines(document),
        "overall": layers.overall(document),
        "bars": _bars(document.memory),
        "sections": [(safe(part.name), f"{part.bytes:,}") for part in document.memory.flash_sections],
        "own_flash": layers.own_flash(document),
        "arena": arena.picture(document),
        "map": patches.patch_map(document, pictures),
        "widths": widths,
        "strips": bits.strips(widths),
        "scopes": [scope for scope in bits.SCOPES if any(scope in width.bits for width in widths)],
        "scope_names": bits.SCOPES,
        "uneven": len({n for width in widths for n in width.bits.values()}) > 1,
        "bits_summary": bits.summary(widths),
        "confusion": _confusion(document.classification),
        "worst": _worst(document, pictures),
        "differences": reference.outputs(document),
        "maps": reference.maps(document),
        "facts": [(what, safe(text)) for what, text in summary(document)],
        "environment": document.environment,
        "number": number,
        "safe": safe,
    }


def _cards(document: Document) -> Iterator[Card]:
    latency, memory, compared = document.latency, document.memory, document.reference
    counted = latency.unit != "none"
    samples = f"median of {document.device.samples:,}" if document.device else "median"
    if counted:
        yield Card("Latency", number(latency.total), latency.unit, f"per inference, {samples}")
    else:
        yield Card("Latency", "not measured", "", "this board has no counter")
    macs = sum(layer.macs for layer in latency.layers)
    yield Card("Work", number(macs), "MACs", _efficiency(macs, latency))
    yield Card("RAM", number(memory.ram_bytes), "bytes", f"arena {memory.arena_bytes:,} bytes of it")
    yield Card("Flash", number(memory.flash_bytes), "bytes", f"weights {memory.weights_bytes:,} bytes of it")
    score = document.accuracy
    if score is None:
        yield Card("Accuracy", "not measured", "", "no labels")
    else:
        base = "" if compared.accuracy is None else f"; the reference {compared.accuracy:.2%}"
        yield Card(
            "Accuracy", f"{score.value:.2%}", safe(score.metric), f"of {score.samples:,} samples{base}"
        )
    yield Card(
        "Differing output values",
        number(compared.mismatched_outputs),
        f"of {compared.compared:,} values",
        f"against {safe(compared.oracle)}",
        not compared.mismatched_outputs,
    )


def _efficiency(macs: int, latency: Latency) -> str:
    if latency.total is None:
        return "per inference"
    return f"{ratio(macs, latency.total, '.2f')} MACs per {latency.unit.removesuffix('s')}"


def _bars(memory: Memory) -> list[Bar]:
    rest = memory.ram_bytes - memory.arena_bytes - memory.stack_bytes
    ram = [("arena", memory.arena_bytes), ("stack bound", memory.stack_bytes), ("other", max(rest, 0))]
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


def _confusion(found: Classification | None) -> tuple[list[str], list[list[Cell]]] | None:
    """Headings and rows."""
    if found is None:
        return None
    headings = [str(klass) for klass in found.classes] + (["others"] if found.others else [])
    rows = []
    for i, counts in enumerate(found.counts):
        total = max(sum(counts), 1)
        rows.append([Cell(count, -(-SHADES * count // total), j == i) for j, count in enumerate(counts)])
    return headings, rows


def _worst(document: Document, pictures: Pictures) -> list[Thumbnail]:
    if document.classification is None:
        return []
    return [
        Thumbnail(
            data_uri(pictures[sample.index], THUMBNAIL) if sample.index in pictures else None,
            sample.index,
            sample.label,
            sample.predicted,
            f"{sample.margin:+.3g}",
        )
        for sample in document.classification.worst
    ]
