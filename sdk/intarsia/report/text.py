# SPDX-License-Identifier: Apache-2.0
"""Tables and lines for people, in plain text."""

from __future__ import annotations

from collections.abc import Sequence

from intarsia.report.document import Document, Latency

NAME_WIDTH, BRIEF_WIDTH = 32, 44
RIGHT, LEFT = ">", "<"


def safe(text: str) -> str:
    """Text from a model or a device without what would steer a terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def shorten(name: str, width: int = NAME_WIDTH) -> str:
    """A long tensor name by its end, which tells more than its beginning."""
    name = safe(name)
    return name if len(name) <= width else "…" + name[len(name) - width + 1 :]


def brief(name: str, width: int = BRIEF_WIDTH) -> str:
    """A tensor name for people: converters join the names of all layers that they have fused; the first is its own."""
    return shorten(name.split(";", maxsplit=1)[0] or name, width)


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], align: str) -> list[str]:
    """Lines of columns two spaces apart; `align` has one of < and > per column."""
    widths = [max(map(len, column)) for column in zip(headers, *rows, strict=True)]
    return [
        "  ".join(
            f"{cell:{side}{width}}" for cell, side, width in zip(row, align, widths, strict=True)
        ).rstrip()
        for row in (headers, *rows)
    ]


def number(value: float | None) -> str:
    """A count with separators, a dash where there is none."""
    return "-" if value is None else f"{value:,}"


def ratio(part: float | None, whole: float | None, form: str) -> str:
    """part / whole, a dash where it is not defined."""
    return "-" if part is None or not whole else format(part / whole, form)


def run_report(document: Document) -> str:
    """Everything that a run has measured."""
    lines = [f"{safe(document.model)} on {safe(document.board)}", "", *layer_table(document.latency), ""]
    lines += table(("", ""), summary(document), "<<")[1:]
    if document.gates:
        lines += ["", *table(("gate", "limit", "value", ""), _gate_rows(document), "<>><")]
    return "\n".join(lines)


def layer_table(latency: Latency) -> list[str]:
    """One line per layer and one for all."""
    counted = latency.unit != "none"
    total = sum(layer.count or 0 for layer in latency.layers) if counted else None
    headers = ["#", "operator", "name", "MACs"]
    headers += [latency.unit, "share", f"MACs/{latency.unit.removesuffix('s')}"] if counted else []
    rows = [
        _layer_row(str(layer.index), layer.op, shorten(layer.name), layer.count, layer.macs, total)
        for layer in latency.layers
    ]
    macs = sum(layer.macs for layer in latency.layers)
    rows.append(_layer_row("", "all layers", "", total, macs, total))
    width = len(headers)
    return table(headers, [row[:width] for row in rows], "><<>>>>"[:width])


def _layer_row(index: str, op: str, name: str, count: int | None, macs: int, total: int | None) -> list[str]:
    per_unit = ratio(macs, count, ".2f") if macs else "-"
    return [index, safe(op), name, number(macs or None), number(count), ratio(count, total, ".1%"), per_unit]


def summary(document: Document) -> list[tuple[str, str]]:
    """What stands below the table: (what, text)."""
    rows = [
        ("latency", _latency(document)),
        ("RAM", _ram(document)),
        ("flash", _flash(document)),
        ("accuracy", _accuracy(document)),
        ("reference", _reference(document)),
    ]
    if document.device and document.device.damaged_frames:
        kinds = ", ".join(f"{n} {safe(kind)}" for kind, n in sorted(document.device.damaged_frames.items()))
        rows.append(("transport", f"damaged on the way, all repaired: {kinds}"))
    return rows


def _latency(document: Document) -> str:
    latency = document.latency
    if latency.unit == "none" or latency.total is None:
        return "not measured: this board has no counter"
    of = f", median of {document.device.samples:,}" if document.device else ""
    text = f"{latency.total:,} {latency.unit} per inference{of}"
    return text if latency.milliseconds is None else f"{text}; {latency.milliseconds:.3f} ms"


def _ram(document: Document) -> str:
    memory, device = document.memory, document.device
    rest = memory.ram_bytes - memory.arena_bytes - memory.stack_bytes
    bound = "" if memory.arena_lower_bound is None else f" (lower bound {memory.arena_lower_bound:,})"
    used = f" (measured {device.stack_bytes:,})" if device and device.stack_bytes is not None else ""
    parts = f"arena {memory.arena_bytes:,}{bound}, stack bound {memory.stack_bytes:,}{used}, other {rest:,}"
    return f"{memory.ram_bytes:,} bytes: {parts}"


def _flash(document: Document) -> str:
    memory = document.memory
    return f"{memory.flash_bytes:,} bytes: weights {memory.weights_bytes:,}, code {memory.code_bytes:,}"


def _accuracy(document: Document) -> str:
    score = document.accuracy
    if score is None:
        return "not measured: no labels" if document.reference.accuracy is None else "-"
    base = document.reference.accuracy
    beside = "" if base is None else f"; the reference has {base:.4f}"
    return f"{safe(score.metric)} {score.value:.4f} over {score.samples:,} samples{beside}"


def _reference(document: Document) -> str:
    reference = document.reference
    who = f"{safe(reference.oracle)} (rule {safe(reference.rule)})"
    text = f"{reference.mismatched_outputs:,} of {reference.compared:,} output values differ from {who}"
    if not reference.mismatched_outputs and not reference.max_abs_diff:
        return text
    largest = "not finite" if reference.max_abs_diff is None else f"{reference.max_abs_diff:g}"
    return f"{text}; largest difference {largest}"


def _gate_rows(document: Document) -> list[list[str]]:
    return [
        [safe(gate.name), f"{gate.limit:g}", f"{gate.value:.6g}", "met" if gate.passed else "NOT MET"]
        for gate in document.gates or ()
    ]
