# SPDX-License-Identifier: Apache-2.0
"""The arena over time: steps from left to right, bytes from bottom to top, one block for every buffer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from intarsia.errors import UsageError
from intarsia.report.document import Arena, Block, Document
from intarsia.report.text import brief, safe

HEIGHT = 380.0
WIDE, NARROW = 660.0, 230.0
"""Pixels that the plot is wide at least, on a large and on a small screen: decides which labels fit."""

LETTER, MARGIN, LINE = 6.6, 8.0, 15.0
TICKS = 5
KINDS = {"input": "input", "map": "feature map", "output": "output", "scratch": "scratch"}


@dataclass(frozen=True)
class Shown:
    """A block: `x` and `width` in percent, `y` and `height` in pixels from the top. `fits` is where its label has room:
    "everywhere", "wide" or "" (nowhere); `upright`: it runs from top to bottom."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    label: str
    fits: str
    upright: bool
    title: str


@dataclass(frozen=True)
class Mark:
    """A mark of an axis, at percent or pixels `at`; shown on small screens too where `everywhere`."""

    at: float
    text: str
    everywhere: bool = True


@dataclass(frozen=True)
class Peak:
    """The step in which most bytes are in use: a column of the picture; `text` goes to its left where `left`."""

    x: float
    width: float
    text: str
    left: bool


@dataclass(frozen=True)
class Row:
    """A line of the table that says the same as the picture."""

    name: str
    kind: str
    offset: str
    size: str
    first: str
    last: str


@dataclass(frozen=True)
class Picture:
    """Everything that is drawn. `stage` is the width in percent of what runs patch by patch (None: no patches)."""

    height: float
    blocks: tuple[Shown, ...]
    steps: tuple[Mark, ...]
    offsets: tuple[Mark, ...]
    peak: Peak
    stage: float | None
    stage_text: str
    description: str
    rows: tuple[Row, ...]


def picture(document: Document) -> Picture | None:
    """The picture of a run; None when it does not say where its buffers lie. Raises UsageError for a damaged plan."""
    arena = document.arena
    if arena is None or not arena.buffers or not arena.bytes:
        return None
    last = max(block.last for block in arena.buffers)
    count = last + 1
    names = _step_names(document, last)
    peak, used = busiest(arena)
    stage = stage_steps(document)
    return Picture(
        height=HEIGHT,
        blocks=tuple(_shown(block, arena, count, names) for block in _back_to_front(arena.buffers)),
        steps=tuple(_steps(count)),
        offsets=tuple(_offsets(arena.bytes)),
        peak=Peak(
            100.0 * peak / count,
            100.0 / count,
            f"peak: {used:,} bytes in {names[peak]}",
            peak > count / 2,
        ),
        stage=None if stage is None else 100.0 * min(stage + 1, count) / count,
        stage_text=_stage_text(document),
        description=f"{len(arena.buffers)} buffers in {arena.bytes:,} bytes over {count} steps; most, {used:,} bytes, "
        f"are in use in {names[peak]}. The table below says the same.",
        rows=tuple(
            Row(
                brief(block.name),
                KINDS[block.kind],
                f"{block.offset:,}",
                f"{block.size:,}",
                names[block.first],
                names[block.last],
            )
            for block in arena.buffers
        ),
    )


def busiest(arena: Arena) -> tuple[int, int]:
    """The first step with most bytes in use, and how many; shared bytes count once."""
    last = max((block.last for block in arena.buffers), default=0)
    used = [
        _covered((b.offset, b.offset + b.size) for b in arena.buffers if b.first <= step <= b.last)
        for step in range(last + 1)
    ]
    return used.index(max(used)), max(used)


def stage_steps(document: Document) -> int | None:
    """How many layers run patch by patch; None when none does."""
    split = (document.plan or {}).get("split_after")
    return split + 1 if isinstance(split, int) else None


def _covered(ranges: Iterable[tuple[int, int]]) -> int:
    total, reached = 0, 0
    for low, high in sorted(ranges):
        total += max(high - max(low, reached), 0)
        reached = max(reached, high)
    return total


def _step_names(document: Document, last: int) -> list[str]:
    layers = document.latency.layers
    names = ["the input"]
    names += [f"layer {layer.index} ({safe(layer.op)})" for layer in layers][: max(last, 0)]
    return names + ["the output"] * (last + 1 - len(names))


def _back_to_front(blocks: Sequence[Block]) -> list[Block]:
    """Large ones first, so that what lies on them is seen."""
    return sorted(blocks, key=lambda b: (-b.size * (b.last - b.first + 1), b.first, b.offset))


def _shown(block: Block, arena: Arena, count: int, names: Sequence[str]) -> Shown:
    width = 100.0 * (block.last - block.first + 1) / count
    height = HEIGHT * block.size / arena.bytes
    name = safe(block.name)
    label, fits, upright = _label(block, width, height)
    while_ = (
        names[block.first] if block.first == block.last else f"{names[block.first]} to {names[block.last]}"
    )
    return Shown(
        x=100.0 * block.first / count,
        y=HEIGHT * (1.0 - (block.offset + block.size) / arena.bytes),
        width=width,
        height=height,
        kind=block.kind,
        label=label,
        fits=fits,
        upright=upright,
        title=f"{name} ({KINDS[block.kind]}): {block.size:,} bytes at {block.offset:,}, {while_}",
    )


def _label(block: Block, width: float, height: float) -> tuple[str, str, bool]:
    """The longest label that fits, where ("everywhere", "wide" or ""), and whether upright; lying is better."""
    name = brief(block.name)
    labels = ["scratch"] if block.kind == "scratch" else [name, "/".join(name.split("/")[-2:])]
    if block.kind == "map" and block.first > 0:
        labels.append(f"layer {block.first - 1}")
    for label in labels:
        need = LETTER * len(label) + MARGIN
        for upright, across in ((False, need), (True, LINE)):
            if height >= (need if upright else LINE) and width * WIDE / 100.0 >= across:
                everywhere = width * NARROW / 100.0 >= across
                return label, "everywhere" if everywhere else "wide", upright
    return labels[0], "", False


def _steps(count: int) -> list[Mark]:
    """Numbers of layers below the middle of their steps, as many as there is room for."""
    layers = range(count - 2)
    wide = _stride(len(layers), int(WIDE / 34.0))
    narrow = wide * _stride(-(-len(layers) // wide), int(NARROW / 34.0))
    return [
        Mark(100.0 * (layer + 1.5) / count, str(layer), layer % narrow == 0)
        for layer in layers
        if layer % wide == 0
    ]


def _stride(count: int, room: int) -> int:
    """The smallest round step with which `count` marks fit where there is room for `room`."""
    return next(step for step in _round_steps() if count <= step * room)


def _offsets(size: int) -> list[Mark]:
    """Round numbers of bytes up the side; the last is the size of the arena."""
    step = next(s for s in _round_steps() if size <= TICKS * s)
    marks = [at for at in range(0, size, step) if at <= size - 0.45 * step]
    return [Mark(HEIGHT * (1.0 - at / size), f"{at:,}") for at in (*marks, size)]


def _round_steps() -> Iterable[int]:
    base = 1
    while True:
        yield from (base, 2 * base, 5 * base)
        base *= 10


def _stage_text(document: Document) -> str:
    layers = stage_steps(document)
    if layers is None:
        return ""
    grid = (document.plan or {}).get("grid")
    if not isinstance(grid, list | tuple) or len(grid) != 2 or not all(isinstance(n, int) for n in grid):
        raise UsageError("the plan of this run is damaged", hint="make the run again")
    return f"stage 1: layers 0 to {layers - 1}, for each of {grid[0] * grid[1]} patches"
