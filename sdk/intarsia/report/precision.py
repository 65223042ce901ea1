# SPDX-License-Identifier: Apache-2.0
"""What `quantize` prints about chosen bits, as text and as part of its JSON document."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from intarsia.plan.precision import WEIGHTS
from intarsia.precisionplan import Precision
from intarsia.report import listings
from intarsia.report.text import number, ratio, safe, shorten, table

TIMED = (
    "instructions of the layers that bits make faster or slower, as the generators of kernels estimate them"
)


def quantized_json(found: Precision, path: Path) -> dict[str, Any]:
    """The document of schema `intarsia.quantized`, with the chosen bits under `precision`."""
    return {**listings.quantized_json(found.graph, path), "precision": to_json(found)}


def to_json(found: Precision) -> dict[str, Any]:
    """Method, bits of every feature map and of all weights, and what they bring."""
    return {
        "method": found.mixing.method,
        "bits": list(found.mixing.maps),
        "weight_bits": list(found.mixing.weights),
        "bitops": found.bitops,
        "bitops_8bit": found.bitops_8bit,
        "estimated_time": {
            "unit": "instructions",
            "by": TIMED,
            "total": round(found.time),
            "total_8bit": round(found.time_8bit),
        },
        "drop": found.drop,
        "max_drop": found.mixing.max_drop,
        "held_out_samples": found.held_out,
        "maps": [entry for entry in _items(found) if entry["part"] != WEIGHTS],
        "weights": [entry for entry in _items(found) if entry["part"] == WEIGHTS],
        "notes": list(found.notes),
    }


def _items(found: Precision) -> list[dict[str, Any]]:
    return [
        {"name": item.name, "part": item.scope, "bits": bits, "allowed": list(item.widths)}
        for item, bits in zip(found.space.items, found.bits, strict=True)
    ]


def quantized(found: Precision, path: Path) -> str:
    """Bits of every feature map and of all weights, what they bring, and what the search has to say."""
    document = quantized_json(found, path)
    rows = [
        [
            shorten(entry["name"]),
            entry["part"],
            str(entry["bits"]),
            " ".join(map(str, entry["allowed"])),
        ]
        for entry in _items(found)
    ]
    lines = table(("feature map or weights", "part", "bits", "of"), rows, "<<><")
    lines += ["", summary(found)]
    if document["float_layers"]:
        lines += ["", f"in float32: {', '.join(safe(name) for name in document['float_layers'])}"]
    lines += ["", f"{path}: {document['layers']} layers, {document['weights_bytes']:,} bytes of weights"]
    return "\n".join(lines)


def summary(found: Precision) -> str:
    """What the chosen bits bring, and what the search has to say."""
    lines = table(("", ""), _figures(found), "<<")[1:]
    return "\n".join([*lines, *([""] if found.notes else []), *map(safe, found.notes)])


def _figures(found: Precision) -> list[tuple[str, str]]:
    limit = "no limit" if found.mixing.max_drop is None else f"at most {found.mixing.max_drop:g} allowed"
    times = round(found.time), round(found.time_8bit)
    return [
        ("method", found.mixing.method),
        ("BitOPs", _fewer(found.bitops, found.bitops_8bit)),
        ("estimated time", f"{_fewer(*times)}: {TIMED}"),
        ("loss of accuracy", f"{found.drop:.4f} over {found.held_out:,} held-out samples, {limit}"),
    ]


def _fewer(now: int, before: int) -> str:
    return f"{number(now)}, {number(before)} with 8 bits (/ {ratio(before, now, '.2f')})"
