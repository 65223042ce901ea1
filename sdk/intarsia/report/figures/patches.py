# SPDX-License-Identifier: Apache-2.0
"""The patches over a sample image: what each one makes, its class, its bits, and what one of them reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from intarsia.errors import UsageError
from intarsia.report.document import Document
from intarsia.report.pictures import Pictures, data_uri
from intarsia.report.text import brief, ratio

CLASSES = ("normal", "outlier")
Box = tuple[float, float, float, float]
"""x, y, width, height in pixels of the image."""


@dataclass(frozen=True)
class Patch:
    """One branch: its place in the image, its class (None: the plan has no classes), and all of it in words.

    `bits` are those of its feature maps in the order of execution, `often` in how many samples it holds outliers;
    both are empty where the plan does not say."""

    row: int
    column: int
    box: Box
    kind: str | None
    title: str
    reads: str
    makes: str
    macs: int
    bitops: int
    bits: str
    often: str


@dataclass(frozen=True)
class PatchMap:
    """`image` is a URI or None; `halo` what the patch `example` reads: the largest part of the image."""

    width: int
    height: int
    image: str | None
    patches: tuple[Patch, ...]
    halo: Box
    example: Patch
    grid: tuple[int, int]
    classes: dict[str, int]
    description: str
    split: str
    facts: tuple[tuple[str, str], ...]

    @property
    def lines(self) -> tuple[tuple[float, float, float, float], ...]:
        """Borders between patches as (x1, y1, x2, y2)."""
        xs = sorted({p.box[0] for p in self.patches} - {0.0})
        ys = sorted({p.box[1] for p in self.patches} - {0.0})
        return (
            *((x, 0.0, x, float(self.height)) for x in xs),
            *((0.0, y, float(self.width), y) for y in ys),
        )


def patch_map(document: Document, pictures: Pictures) -> PatchMap | None:
    """The map of a run that has patches; None for others. Raises UsageError for a damaged plan."""
    plan = document.plan
    if not plan or plan.get("split_after") is None or not plan.get("branches") or not document.inputs:
        return None
    shape = document.inputs[0].shape
    if len(shape) != 4:
        return None
    try:
        return _patch_map(plan, shape, pictures.get(0))
    except (ArithmeticError, KeyError, TypeError, ValueError, IndexError, AttributeError):
        raise UsageError("the plan of this run is damaged", hint="make the run again") from None


def _patch_map(plan: Mapping[str, Any], shape: Sequence[int], picture: np.ndarray | None) -> PatchMap:
    height, width = shape[1], shape[2]
    branches = plan["branches"]
    rows, columns = (max(int(b["output"][axis][1]) for b in branches) for axis in (0, 1))
    shares = (plan.get("outliers") or {}).get("shares") or [None] * len(branches)
    bits = {kind: _bits(plan, kind) for kind in CLASSES}
    patches = tuple(
        _patch(branch, height / rows, width / columns, bits, share)
        for branch, share in zip(branches, shares, strict=True)
    )
    reads = [_box(branch["input"], 1.0, 1.0) for branch in branches]
    largest = max(range(len(reads)), key=lambda i: (reads[i][2] * reads[i][3], -i))
    classes = {kind: sum(p.kind == kind for p in patches) for kind in CLASSES}
    grid = (int(plan["grid"][0]), int(plan["grid"][1]))
    if min(grid) < 1 or grid[0] * grid[1] != len(branches):
        raise ValueError(f"{len(branches)} patches in a grid of {grid}")
    fitting = picture is not None and picture.shape[:2] == (height, width)
    found = {kind: n for kind, n in classes.items() if n}
    return PatchMap(
        width,
        height,
        data_uri(picture) if picture is not None and fitting else None,
        patches,
        reads[largest],
        patches[largest],
        grid,
        found,
        f"{grid[0]} rows and {grid[1]} columns of patches over an input of {height} x {width} pixels"
        + (": " + ", ".join(f"{n} {kind}" for kind, n in found.items()) if found else "")
        + ". The table below says the same.",
        _split(plan, grid),
        tuple(_facts(plan, found)),
    )


def _split(plan: Mapping[str, Any], grid: tuple[int, int]) -> str:
    image = "lies in the arena" if plan["input"] == "arena" else "is fetched piece by piece through a reader"
    return (
        f"Layers 0 to {int(plan['split_after'])} run patch by patch, in {grid[0]} x {grid[1]} patches; then "
        f"'{brief(str(plan['split_tensor']))}' is whole and the rest runs as usual. The image {image}."
    )


def _facts(plan: Mapping[str, Any], classes: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    macs, plain, memory = int(plan["macs"]), int(plan["macs_layer"]), plan["memory"]
    yield (
        "work",
        f"{macs:,} MACs, {ratio(100.0 * (macs - plain), plain, '+.1f')} % against layer by layer ({plain:,} MACs), "
        "recomputed where patches overlap",
    )
    now, at_8_bits, layered = (int(plan[key]) for key in ("bitops", "bitops_8bit_patch", "bitops_layer"))
    yield "BitOPs", f"{now:,}; {at_8_bits:,} with 8 bits everywhere, {layered:,} layer by layer"
    first, second, whole = (int(memory[key]) for key in ("stage_1", "stage_2", "layer_based"))
    yield (
        "arena",
        f"with portable kernels {first:,} bytes while patches run, {second:,} bytes behind them; "
        f"{whole:,} bytes layer by layer",
    )
    if classes:
        rule = {"dynamic": ", told apart in every inference", "static": ", told apart once and for all"}
        form = (plan.get("outliers") or {}).get("form")
        text = ", ".join(f"{count} {kind}" for kind, count in classes.items()) + " patches"
        yield "classes", text + rule.get(str(form), "")
    for kind in classes:
        if bits := _bits(plan, kind):
            yield f"bits, {kind}", f"{bits}, the maps of these patches in the order of execution"
    if chosen := plan.get("decisions"):
        limit = "no limit" if chosen["max_drop"] is None else f"at most {float(chosen['max_drop']):g} allowed"
        yield (
            "chosen by",
            f"{brief(str(chosen['method']))}, lambda {float(chosen['lambda']):g}; held-out samples lose "
            f"{float(chosen['drop']):g} of accuracy, {limit}",
        )


def _bits(plan: Mapping[str, Any], kind: str) -> str:
    """Bits of the feature maps of a class, in the order of execution."""
    return " ".join(str(int(entry["bits"])) for entry in plan.get("maps") or () if entry["scope"] == kind)


def _patch(
    branch: Mapping[str, Any], down: float, across: float, bits: Mapping[str, str], share: float | None
) -> Patch:
    row, column, kind = int(branch["row"]), int(branch["column"]), branch.get("class")
    if kind is not None and kind not in CLASSES:
        raise ValueError(f"class {kind}")
    reads, makes = _ranges(branch["input"]), _ranges(branch["output"])
    name = f"patch in row {row}, column {column}" + (f", {kind}" if kind else "")
    own = bits[kind or "normal"]
    name += f", maps of {own} bits" if own else ""
    return Patch(
        row,
        column,
        _box(branch["output"], down, across),
        kind,
        f"{name}: reads {reads} of the input, makes {makes} of the split map",
        reads,
        makes,
        int(branch["macs"]),
        int(branch["bitops"]),
        own,
        "" if share is None else f"{float(share):.0%}",
    )


def _box(ranges: Sequence[Sequence[int]], down: float, across: float) -> Box:
    (top, bottom), (left, right) = ranges
    return left * across, top * down, (right - left) * across, (bottom - top) * down


def _ranges(ranges: Sequence[Sequence[int]]) -> str:
    (top, bottom), (left, right) = ranges
    return f"rows {int(top)} to {int(bottom) - 1}, columns {int(left)} to {int(right) - 1}"
