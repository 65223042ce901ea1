# SPDX-License-Identifier: Apache-2.0
"""The parts of the page as text, for terminals and logs: the same numbers."""

from __future__ import annotations

from collections.abc import Iterator

from intarsia.report.document import Document
from intarsia.report.figures import arena, bits, layers, patches, reference
from intarsia.report.text import number, ratio, run_report, safe, shorten, table

MAP_WIDTH = 40


def full_report(document: Document) -> str:
    """Everything that a run has measured and what is known of how it was made."""
    parts = [run_report(document)]
    for title, lines in _parts(document):
        if lines:
            parts.append("\n".join([title, *lines]))
    return "\n\n".join(parts)


def _parts(document: Document) -> Iterator[tuple[str, list[str]]]:
    yield "MACs against the core's bound", _bounds(document)
    yield "flash by section", _sections(document)
    yield "the arena over time", _arena(document)
    yield "patches", _patches(document)
    yield "bits", _bits(document)
    yield "samples by class (rows) and what the device took them for (columns)", _confusion(document)
    yield "worst samples", _worst(document)
    yield "outputs against the reference", _differences(document)
    yield "feature maps against the reference", _maps(document)
    yield "made with", _environment(document)


def _bounds(document: Document) -> list[str]:
    one = document.latency.unit.removesuffix("s")
    rows = [
        [
            str(layer.index),
            safe(layer.op),
            ratio(layer.macs, layer.count, ".2f"),
            f"{layer.bound:g}",
            "-" if (share := layers.reached(layer)) is None else f"{share:.0f}%",
            number(layer.flash_bytes),
            layers.bits(layer),
        ]
        for layer in document.latency.layers
        if layer.bound is not None
    ]
    headers = ("#", "operator", f"MACs/{one}", "bound", "", "own flash, bytes", "bits")
    return table(headers, rows, "><>>>><") if rows else []


def _sections(document: Document) -> list[str]:
    rows = [[safe(part.name), number(part.bytes)] for part in document.memory.flash_sections]
    own = layers.own_flash(document)
    return [*table(("section", "bytes"), rows, "<>"), *([own] if own else [])] if rows else []


def _arena(document: Document) -> list[str]:
    shown = arena.picture(document)
    if shown is None:
        return []
    rows = [[shorten(r.name), r.kind, r.offset, r.size, r.first, r.last] for r in shown.rows]
    lines = table(("buffer", "kind", "offset", "bytes", "from", "to"), rows, "<<>><<")
    return [*([shown.stage_text] if shown.stage_text else []), shown.peak.text, *lines]


def _patches(document: Document) -> list[str]:
    found = patches.patch_map(document, {})
    if found is None:
        return []
    rows = [
        [
            f"{p.row}, {p.column}",
            p.kind or "-",
            p.bits or "-",
            p.often or "-",
            p.reads,
            p.makes,
            number(p.macs),
            number(p.bitops),
        ]
        for p in found.patches
    ]
    headers = ("patch", "class", "bits of its maps", "outlier in", "reads", "makes", "MACs", "BitOPs")
    lines = table(headers, rows, "<<<><<>>")
    return [*_grid(found), "", *lines, "", found.split, *(f"{what}: {text}" for what, text in found.facts)]


def _grid(found: patches.PatchMap) -> list[str]:
    """The patches as a drawing: `#` for outliers, `.` for the others."""
    rows, columns = found.grid
    marks = {(p.row, p.column): "#" if p.kind == "outlier" else "." for p in found.patches}
    across = max(min(MAP_WIDTH // columns, 6), 1)
    lines = [
        "  ".join(marks.get((row, column), "?") * across for column in range(columns)) for row in range(rows)
    ]
    return [*lines, "# outlier, . normal"] if "outlier" in found.classes else lines


def _bits(document: Document) -> list[str]:
    found = bits.widths(document)
    if not found:
        return []
    scopes = [scope for scope in bits.SCOPES if any(scope in width.bits for width in found)]
    rows = [
        [shorten(w.name), *(str(w.bits[s]) if s in w.bits else "-" for s in scopes), w.weights or "-"]
        for w in found
    ]
    headers = ("feature map", *(bits.SCOPES[scope] for scope in scopes), "weights")
    return table(headers, rows, "<" + ">" * (len(scopes) + 1))


def _confusion(document: Document) -> list[str]:
    found = document.classification
    if found is None:
        return []
    names = [str(klass) for klass in found.classes] + (["others"] if found.others else [])
    rows = [[name, *map(number, row)] for name, row in zip(names, found.counts, strict=True)]
    return table(("class", *names), rows, "<" + ">" * len(names))


def _worst(document: Document) -> list[str]:
    if document.classification is None:
        return []
    rows = [
        [str(s.index), str(s.label), str(s.predicted), f"{s.margin:+.3g}"]
        for s in document.classification.worst
    ]
    return table(("sample", "class", "taken for", "margin, real units"), rows, ">>>>")


def _differences(document: Document) -> list[str]:
    rows = [
        [part.name, number(part.compared), number(part.mismatched), part.largest]
        for part in reference.outputs(document)
    ]
    headers = ("output", "values", "differ", "largest difference (code steps or real units)")
    return table(headers, rows, "<>>>") if rows else []


def _maps(document: Document) -> list[str]:
    found = reference.maps(document)
    if found is None:
        return []
    rows = [
        [str(x.index), x.op, x.name, x.compared, x.mismatched, x.own, x.largest, x.first] for x in found.lines
    ]
    headers = ("#", "operator", "name", "values", "differ", "of its own", "largest", "first at")
    return [found.text, *table(headers, rows, "><<>>>><")]


def _environment(document: Document) -> list[str]:
    if document.environment is None:
        return []
    fields = document.environment.model_dump()
    return table(("", ""), [[what, safe(text)] for what, text in fields.items() if text], "<<")[1:]
