# SPDX-License-Identifier: Apache-2.0
"""Draws the pictures of docs/concepts.md from plans that Intarsia makes for the network of this repository."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from intarsia.report.pictures import data_uri

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "digits96"
PICTURES = ROOT / "docs" / "pictures"
PIXEL = "0.0039215686"

STYLE = """<style>
text { font: 13px system-ui, sans-serif; fill: #24221e; }
.quiet { fill: #655f55; }
.map { fill: #d3b09a; stroke: #faf9f6; }
.input { fill: #8a4b2a; stroke: #faf9f6; }
.scratch { fill: #e2ddd2; stroke: #faf9f6; }
.axis { stroke: #655f55; }
.limit { stroke: #ab2f28; stroke-dasharray: 6 4; }
.cut { stroke: #faf9f6; stroke-width: 1; }
.outlier { fill: #ab2f28; fill-opacity: .38; }
.halo { fill: none; stroke: #f3e9e2; stroke-width: 1.5; stroke-dasharray: 4 3; }
</style>"""


def picture(width: int, height: int, title: str, parts: Sequence[str]) -> str:
    """An SVG file."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img">'
    )
    paper = f'<rect width="{width}" height="{height}" fill="#faf9f6"/>'
    return "\n".join([head, f"<title>{title}</title>", STYLE, paper, *parts, "</svg>"]) + "\n"


def box(x: float, y: float, width: float, height: float, kind: str) -> str:
    """A rectangle of a style."""
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def text(x: float, y: float, words: str, style: str = "") -> str:
    """A line of text."""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{style}">{words}</text>'


def line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    """A line of a style."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{style}"/>'


def project(folder: Path, model: str, *options: str) -> dict[str, Any]:
    """The description of a project that `intarsia generate` makes for a Cortex-M4."""
    command = ["generate", str(EXAMPLE / model), "--board", "qemu-cortex-m4", "-o", str(folder), *options]
    subprocess.run(
        [str(Path(sys.executable).with_name("intarsia")), *command], check=True, stdout=subprocess.DEVNULL
    )
    described: dict[str, Any] = json.loads((folder / "intarsia.json").read_text(encoding="utf-8"))
    return described


def arenas(layered: dict[str, Any], patched: dict[str, Any]) -> str:
    """The arena over time, layer by layer and patch by patch, at the same scale."""
    tallest, room = layered["arena"]["bytes"], 200.0
    parts: list[str] = []
    for left, run, title in (
        (40.0, layered, "layer by layer"),
        (420.0, patched, "first layers patch by patch"),
    ):
        parts += _arena(left, 300.0, room, run, tallest)
        parts.append(text(left, 20, f"{title}: {run['arena']['bytes']:,} bytes"))
    level = 40 + room * (1 - 65536 / tallest)
    parts += [line(30, level, 730, level, "limit"), text(734, level + 4, "64 KB")]
    parts.append(text(40, 268, "time, layer by layer  \N{RIGHTWARDS ARROW}", "quiet"))
    for x, kind, words in (
        (420, "input", "image"),
        (490, "map", "feature maps"),
        (610, "scratch", "scratch"),
    ):
        parts += [box(x, 258, 12, 12, kind), text(x + 18, 268, words, "quiet")]
    return picture(790, 284, "The arena of the example network over time", parts)


def _arena(left: float, width: float, height: float, run: dict[str, Any], tallest: int) -> Iterator[str]:
    buffers = run["arena"]["buffers"]
    step = width / (max(b["last"] for b in buffers) + 1)
    bottom = 40 + height
    for b in sorted(buffers, key=lambda entry: entry["kind"] == "scratch"):
        x, wide = left + b["first"] * step, (b["last"] - b["first"] + 1) * step
        tall = height * b["size"] / tallest
        kind = b["kind"] if b["kind"] in ("input", "scratch") else "map"
        yield box(x, bottom - height * b["offset"] / tallest - tall, wide, tall, kind)
    yield line(left, bottom, left + width, bottom, "axis")
    yield line(left, 40, left, bottom, "axis")


def patches(run: dict[str, Any], image: np.ndarray) -> str:
    """A sample under its grid of patches: classes, and what one of them reads."""
    plan, size = run["plan"], 288.0
    pixel = size / image.shape[0]
    last = max(b["output"][0][1] for b in plan["branches"])
    cell = size / last
    uri = data_uri(image)
    parts = [f'<image href="{uri}" x="20" y="20" width="{size:.0f}" height="{size:.0f}"/>']
    for branch in plan["branches"]:
        (top, bottom), (left, right) = branch["output"]
        if branch["class"] == "outlier":
            corner = (20 + left * cell, 20 + top * cell)
            parts.append(box(*corner, (right - left) * cell, (bottom - top) * cell, "outlier"))
        parts += [line(20, 20 + top * cell, 20 + size, 20 + top * cell, "cut")] * (left == 0 and top > 0)
        parts += [line(20 + left * cell, 20, 20 + left * cell, 20 + size, "cut")] * (top == 0 and left > 0)
    example = max(plan["branches"], key=_read_area)
    (top, bottom), (left, right) = example["input"]
    reads = (20 + left * pixel, 20 + top * pixel, (right - left) * pixel, (bottom - top) * pixel)
    parts.append(box(*reads, "halo"))
    rows, columns = plan["grid"]
    words = (
        f"{rows} x {columns} patches up to the map '{plan['split_tensor']}'",
        f"shaded: {plan['outlier_patches']} patches that hold outliers",
        "their branches keep 8 bits, the others may get fewer",
        f"dashed: what the patch in row {example['row']}, column {example['column']} reads,",
        "its halo included",
        f"MACs: {plan['macs']:,}, layer by layer {plan['macs_layer']:,}",
    )
    parts += [text(330, 60 + 28 * i, sentence) for i, sentence in enumerate(words)]
    return picture(740, 328, "Patches of the example network and their classes", parts)


def _read_area(branch: dict[str, Any]) -> int:
    (top, bottom), (left, right) = branch["input"]
    return int((bottom - top) * (right - left))


def main() -> None:
    """Draws all pictures."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        layered = project(Path(folder, "a"), "digits96_int8.tflite", "--patches", "off")
        patched = project(Path(folder, "b"), "digits96_int8.tflite", "--ram", "64K")
        calibration = ("--calib", str(EXAMPLE / "calib.npz"), "--input-scale", PIXEL)
        choices = ("--patches", "4x4", "--ram", "64K", "--bits", "8,4,2", "--vdpc", "static")
        mixed = project(Path(folder, "c"), "digits96_float.tflite", *calibration, *choices)
    sample = np.load(EXAMPLE / "test.npz")["x"][0].reshape(96, 96, 1).astype(np.uint8)
    (PICTURES / "arena.svg").write_text(arenas(layered, patched), encoding="utf-8")
    (PICTURES / "patches.svg").write_text(patches(mixed, sample), encoding="utf-8")


if __name__ == "__main__":
    main()
