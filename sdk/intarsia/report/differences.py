# SPDX-License-Identifier: Apache-2.0
"""What `intarsia diff` has found, as text and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from intarsia.difference import Differences, LayerDifference
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
        "compared_from_layer": found.start,
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
    lines += [*table(headers, rows, "><<>>>><>>"), ""]
    if found.start:
        lines += [
            f"layers 0 to {found.start} run patch by patch: they are compared together, where their patches are "
            "stitched",
        ]
    lines.append("all feature maps equal the reference" if found.first is None else first_text(found.first))
    return "\n".join(lines)


def first_text(layer: LayerDifference) -> str:
    """Which layer, where and by how much."""
    largest = "not finite" if layer.max_abs_diff is None else f"{layer.max_abs_diff:g}"
    place = ", ".join(map(str, layer.first or ()))
    return (
        f"the first difference is in layer {layer.index} ({safe(layer.op)} '{safe(layer.name)}'): {layer.mismatched:,} "
        f"of {layer.compared:,} values differ, the largest by {largest}; first at [{place}]: device "
        f"{_value(layer.device)}, reference {_value(layer.reference)}"
    )


def hint(found: Differences, layer: LayerDifference) -> str:
    """What to try next."""
    if found.start and layer.index == found.start:
        return f"the fault is in one of layers 0 to {layer.index}: generate with --patches off to tell which"
    return f"does --reference-kernels {layer.index} make it go away? Then its kernel is at fault"


def _row(layer: LayerDifference) -> list[str]:
    differs = bool(layer.mismatched)
    largest = "not finite" if layer.max_abs_diff is None else f"{layer.max_abs_diff:g}"
    return [
        str(layer.index) + (f".{layer.output}" if layer.output else ""),
        safe(layer.op),
        shorten(layer.name),
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
