# SPDX-License-Identifier: Apache-2.0
"""The layers as lines with bars: latency, MACs against the core's bound, flash, bits."""

from __future__ import annotations

from dataclasses import dataclass

from intarsia.report.document import Document, Layer
from intarsia.report.text import brief, number, ratio, safe


@dataclass(frozen=True)
class Line:
    """One layer; `whole` is its name, `name` the same for people. `bar` and `reached` are in percent: of the longest
    layer, and of the core's bound (None: unknown)."""

    index: int
    op: str
    name: str
    whole: str
    count: str
    bar: float
    share: str
    macs: str
    per_unit: str
    bound: str
    reached: float | None
    flash: str
    bits: str
    kernels: str


def lines(document: Document) -> list[Line]:
    """All layers, in order."""
    layers = document.latency.layers
    total = sum(layer.count or 0 for layer in layers)
    longest = max((layer.count or 0 for layer in layers), default=0)
    return [_line(layer, total, longest) for layer in layers]


def reached(layer: Layer) -> float | None:
    """MACs per unit as a share of the core's bound, in percent."""
    if not layer.bound or not layer.count or layer.count < 0 or not layer.macs:
        return None
    return 100.0 * layer.macs / layer.count / layer.bound


def own_flash(document: Document) -> str:
    """What layers take of the flash alone and what they share, in words; empty for old runs."""
    sizes = [layer.flash_bytes for layer in document.latency.layers]
    if any(size is None for size in sizes):
        return ""
    own = sum(size or 0 for size in sizes)
    return (
        f"Single layers take {own:,} bytes (see the table above); {max(document.memory.flash_bytes - own, 0):,} bytes "
        "are shared: kernels, runtime, start-up."
    )


def overall(document: Document) -> tuple[float, float] | None:
    """MACs per unit over the whole network, and the core's bound for that mix of layers; None where it is not known."""
    layers = [layer for layer in document.latency.layers if layer.macs]
    if not document.latency.total or not layers or any(layer.bound is None for layer in layers):
        return None
    macs = sum(layer.macs for layer in layers)
    fastest = sum(layer.macs / layer.bound for layer in layers if layer.bound)
    return macs / document.latency.total, macs / fastest


def bits(layer: Layer) -> str:
    """Widths of weights and of the map that is read, as in `4 x 8`; then that of the map that is made."""
    if layer.bits is None:
        return "-"
    if not layer.weight_bits or layer.input_bits is None:
        return str(layer.bits)
    weights = "/".join(str(b) for b in sorted(layer.weight_bits, reverse=True))
    return f"{weights} × {layer.input_bits} → {layer.bits}"


def _line(layer: Layer, total: int, longest: int) -> Line:
    share = reached(layer)
    return Line(
        layer.index,
        safe(layer.op),
        brief(layer.name),
        safe(layer.name),
        number(layer.count),
        100.0 * max(layer.count or 0, 0) / longest if longest > 0 else 0.0,
        ratio(layer.count, total, ".1%"),
        number(layer.macs or None),
        ratio(layer.macs or None, layer.count, ".2f"),
        "-" if layer.bound is None else f"{layer.bound:g}",
        share,
        number(layer.flash_bytes),
        bits(layer),
        safe(", ".join(layer.kernels)),
    )
