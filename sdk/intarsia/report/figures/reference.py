# SPDX-License-Identifier: Apache-2.0
"""Outputs and feature maps against the reference, as lines of tables."""

from __future__ import annotations

from dataclasses import dataclass

from intarsia.report.differences import kind
from intarsia.report.document import Document, LayerDifference
from intarsia.report.text import brief, number, safe


@dataclass(frozen=True)
class Output:
    """An output over all samples."""

    name: str
    compared: int
    mismatched: int
    largest: str


@dataclass(frozen=True)
class Line:
    """A feature map of one sample; dashes where nothing differs."""

    index: int
    op: str
    name: str
    compared: str
    mismatched: str
    own: str
    largest: str
    first: str
    wrong: bool


@dataclass(frozen=True)
class Maps:
    """All feature maps of one sample; `text` sums them up."""

    sample: int
    equal: bool
    text: str
    lines: tuple[Line, ...]


def outputs(document: Document) -> list[Output]:
    """The outputs of a run; none for old ones."""
    return [
        Output(brief(part.name), part.compared, part.mismatched, largest(part.max_abs_diff))
        for part in document.reference.outputs
    ]


def maps(document: Document) -> Maps | None:
    """The feature maps of a run; None where they were not compared."""
    found = document.reference.maps
    if found is None:
        return None
    first = next((layer for layer in found.layers if layer.mismatched), None)
    text = f"All {len(found.layers)} feature maps of sample {found.sample} equal the reference."
    if first is not None:
        text = f"The first difference is in layer {first.index} ({safe(first.op)})."
    return Maps(found.sample, first is None, text, tuple(map(_line, found.layers)))


def largest(difference: float | None) -> str:
    """A largest difference in words."""
    return "not finite" if difference is None else f"{difference:g}"


def _line(layer: LayerDifference) -> Line:
    wrong = bool(layer.mismatched)
    return Line(
        layer.index,
        safe(layer.op),
        ", ".join(filter(None, (brief(layer.name), kind(layer)))),
        number(layer.compared),
        number(layer.mismatched) if wrong else "-",
        "?" if layer.own is None else number(layer.own or None),
        largest(layer.max_abs_diff) if wrong else "-",
        "-" if layer.first is None else ", ".join(map(str, layer.first)),
        wrong,
    )
