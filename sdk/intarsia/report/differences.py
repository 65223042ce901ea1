# SPDX-License-Identifier: Apache-2.0
"""What `intarsia diff` has found, as text and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from intarsia.difference import Differences, LayerDifference
from intarsia.report import document
from intarsia.report.text import number, safe, shorten, table

SCHEMA, SCHEMA_VERSION = "intarsia.diff", 1


def to_json(found: Differences) -> dict[str, Any]:
    """The document of schema `intarsia.diff`; `first` is the first layer that differs, or null."""
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "model": found.model,
        "board": found.board,
        "rule": found.rule,
        "sample": found.sample,
        "equal": found.first is None,
        "first": None if found.first is None else asdict(found.first),
        "layers": [asdict(layer) for layer in found.layers],
    }


def text(found: Differences) -> str:
    """One line per feature map, then the first that differs."""
    rows = [_row(layer) for layer in found.layers]
    headers = (
        "#",
        "operator",
        "name",
        "",
        "values",
        "differ",
        "of its own",
        "largest",
        "first at",
        "device",
        "reference",
    )
    lines = [
        f"{safe(found.model)} on {safe(found.board)}, sample {found.sample} (rule {safe(found.rule)})",
        "",
    ]
    lines += [*table(headers, rows, "><<<>>>><>>"), ""]
    lines.append("all feature maps equal the reference" if found.first is None else first_text(found.first))
    return "\n".join(lines)


def first_text(layer: LayerDifference) -> str:
    """Which layer, where and by how much."""
    largest = "not finite" if layer.max_abs_diff is None else f"{layer.max_abs_diff:g}"
    place = ", ".join(map(str, layer.first or ()))
    patch = "" if layer.patch is None else f" in the patch of row {layer.patch[0]}, column {layer.patch[1]}"
    after = ", once its patches are stitched" if kind(layer) == "stitched" else ""
    return (
        f"the first difference is in layer {layer.index} ({safe(layer.op)} '{safe(layer.name)}'){after}: "
        f"{layer.mismatched:,} of {layer.compared:,} values differ, the largest by {largest}; first at "
        f"[{place}]{patch}: device {_value(layer.device)}, reference {_value(layer.reference)}"
    )


def hint(layer: LayerDifference) -> str:
    """What to try next."""
    return f"does --reference-kernels {layer.index} make it go away? Then its kernel is at fault"


def kind(layer: LayerDifference | document.LayerDifference) -> str:
    """What of a map was compared: its "patches", or the map once they are "stitched"; empty for a plain one."""
    return "patches" if not layer.whole else "stitched" if layer.own is None else ""


def _row(layer: LayerDifference) -> list[str]:
    differs = bool(layer.mismatched)
    largest = "not finite" if layer.max_abs_diff is None else f"{layer.max_abs_diff:g}"
    return [
        str(layer.index) + (f".{layer.output}" if layer.output else ""),
        safe(layer.op),
        shorten(layer.name),
        kind(layer),
        number(layer.compared),
        number(layer.mismatched) if differs else "-",
        "?" if layer.own is None else number(layer.own) if layer.own else "-",
        largest if differs else "-",
        ",".join(map(str, layer.first)) if layer.first is not None else "-",
        _value(layer.device) if differs else "-",
        _value(layer.reference) if differs else "-",
    ]


def _value(value: float | None) -> str:
    return "not finite" if value is None else f"{value:g}"
