# SPDX-License-Identifier: Apache-2.0
"""What the page of a run draws, and that the text says the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from intarsia import boards
from intarsia.errors import UsageError
from intarsia.report import bounds, details, html, pictures
from intarsia.report.classification import classify
from intarsia.report.compare import compare
from intarsia.report.document import Arena, Block, Document
from intarsia.report.figures import arena, bits, layers, patches, reference, sidebyside
from support import runs

HOSTILE = "\"'><script>alert(1)</script><b onclick=x>&\x1b[31m{{ 7*7 }}\u202e"
TEMPLATES = Path(html.__file__).parent / "templates"


@pytest.fixture
def run() -> Document:
    return Document.model_validate(runs.full_run())


def changed(**changes: Any) -> Document:
    return Document.model_validate({**runs.full_run(), **changes})


def test_blocks_lie_where_the_arena_says(run: Document) -> None:
    shown = arena.picture(run)
    assert shown is not None
    image = next(block for block in shown.blocks if block.label == "image")
    assert (image.x, image.width) == (0.0, pytest.approx(100 * 2 / 6))
    assert (image.y, image.height) == (pytest.approx(95.0), pytest.approx(285.0))
    assert image.title == "image (input): 3,072 bytes at 0, the input to layer 0 (DEPTHWISE_CONV_2D)"
    assert shown.stage == pytest.approx(100 * 3 / 6)
    assert shown.peak.text == "peak: 4,096 bytes in layer 0 (DEPTHWISE_CONV_2D)"
    assert [mark.text for mark in shown.steps] == ["0", "1", "2", "3"]
    assert shown.offsets[-1].text == "4,096"
    assert [row.size for row in shown.rows] == ["3,072", "1,024", "64", "512", "10"]


def test_shared_bytes_count_once() -> None:
    blocks = [("a", 0, 10, 0, 1), ("b", 0, 10, 1, 2), ("c", 5, 10, 1, 1), ("d", 20, 4, 1, 1)]
    found = Arena(
        bytes=24,
        lower_bound=24,
        method="",
        buffers=tuple(Block(name=n, offset=o, size=s, first=f, last=t) for n, o, s, f, t in blocks),
    )
    assert arena.busiest(found) == (1, 19)


def test_runs_without_an_arena_have_no_picture() -> None:
    assert arena.picture(changed(arena=None)) is None


def test_patches_cover_the_image_and_know_their_class(run: Document) -> None:
    found = patches.patch_map(run, runs.pictures())
    assert found is not None
    assert sum(p.box[2] * p.box[3] for p in found.patches) == pytest.approx(runs.SIDE**2)
    assert [p.kind for p in found.patches] == ["normal", "normal", "normal", "outlier"]
    assert found.classes == {"normal": 3, "outlier": 1}
    assert [(p.bits, p.often) for p in found.patches] == [
        ("4 2", "0%"),
        ("4 2", "12%"),
        ("4 2", "25%"),
        ("8 8", "75%"),
    ]
    facts = dict(found.facts)
    assert facts["classes"] == "3 normal, 1 outlier patches, told apart once and for all"
    assert facts["chosen by"].startswith("vdqs, lambda 0.4; held-out samples lose 0.005")
    assert found.halo == (0.0, 0.0, 17.0, 17.0)
    assert found.image is not None
    assert found.image.startswith("data:image/png;base64,")
    assert len(found.lines) == 2


def test_plans_without_classes_are_drawn_too() -> None:
    plan = runs.full_run()["plan"]
    for branch in plan["branches"]:
        del branch["class"]
    for later in ("maps", "outliers", "decisions"):
        del plan[later]
    found = patches.patch_map(changed(plan=plan), {})
    assert found is not None
    assert (found.classes, found.image) == ({}, None)
    assert "outlier" not in html.render(changed(plan=plan)).split("</style>")[1]


@pytest.mark.parametrize(
    "damage",
    [
        {"branches": [{}]},
        {"branches": 5},
        {"grid": None},
        {"memory": {}},
        {"macs": "many"},
        {"maps": [{"name": "x"}]},
        {"outliers": {"form": "static", "shares": [0.5]}},
        {"outliers": 3},
        {"decisions": {"method": "vdqs"}},
        {"maps": [{"name": "x", "scope": "moon", "bits": 8}]},
    ],
)
def test_damaged_plans_are_refused(damage: dict[str, Any]) -> None:
    document = changed(plan={**runs.full_run()["plan"], **damage})
    for render in (html.render, details.full_report):
        with pytest.raises(UsageError, match="damaged"):
            render(document)


def test_bits_by_class_of_patches(run: Document) -> None:
    found = bits.widths(run)
    assert [width.bits for width in found] == [
        {"normal": 4, "outlier": 8},
        {"normal": 2, "outlier": 8},
        {"rest": 8},
    ]
    assert [strip.name for strip in bits.strips(found)] == [
        "normal patches",
        "outlier patches",
        "behind the split",
    ]
    assert bits.summary(found) == "3 of 8 bits, 1 of 4 bits, 1 of 2 bits"


def test_bits_of_runs_without_a_choice_come_from_the_layers() -> None:
    assert [width.bits for width in bits.widths(changed(plan=None))] == [{"all": 4}] + 3 * [{"all": 8}]


def test_layers_against_the_bound(run: Document) -> None:
    first, *_, last = run.latency.layers
    assert layers.reached(first) == pytest.approx(45.0)
    assert layers.reached(last) is None
    found = layers.overall(run)
    assert found is not None
    assert found[1] == pytest.approx(2.0)
    assert layers.bits(first) == "8/4 × 8 → 4"


@pytest.mark.parametrize(
    ("board", "widths", "expected"),
    [
        ("qemu-cortex-m4", (8, 8), 2.0),
        ("qemu-cortex-m4", (4, 4), 6.0),
        ("qemu-cortex-m4", (8, 4), 2.0),
        ("qemu-cortex-m4", (32, 32), None),
        ("qemu-cortex-m55", (8, 8), 16.0),
        ("qemu-cortex-m3", (8, 8), 1.0),
        ("qemu-cortex-m0", (8, 8), 0.5),
        ("qemu-riscv32", (8, 8), 0.5),
        ("qemu-riscv32-v", (8, 8), 64.0),
    ],
)
def test_bounds(board: str, widths: tuple[int, int], expected: float | None) -> None:
    found = bounds.bound(boards.load(board))
    assert found is not None
    assert found.source
    assert found.of("instructions", *widths) == expected


def test_every_bound_names_its_source_and_a_known_instruction_set() -> None:
    assert {isa for entry in bounds.bounds() for isa in entry.isas} <= set(boards.instruction_sets())
    assert all(entry.source for entry in bounds.bounds())
    vectors = bounds.bound(boards.load("qemu-riscv32-v"))
    assert vectors is not None
    assert vectors.of("cycles", 8, 8) is None
    assert bounds.bound(boards.load("host")) is None


def test_confusion_and_worst_samples() -> None:
    scores = [np.array([[3, 1, 0]]), np.array([[0, 5, 4]]), np.array([[2, 2, 9]]), np.array([[7, 7, 0]])]
    found = classify(scores, np.array([0, 2, 2, 1]), 0.5)
    assert found.counts == ((1, 0, 0), (1, 0, 0), (0, 1, 1))
    assert not found.others
    assert [(s.index, s.predicted, s.margin) for s in found.worst] == [
        (1, 1, -0.5),
        (3, 0, 0),
        (0, 0, 1),
        (2, 2, 3.5),
    ]


def test_many_classes_are_cut_to_those_with_mistakes() -> None:
    labels = np.arange(40)
    scores = [np.eye(40)[i] for i in range(40)]
    scores[33] = np.eye(40)[21]
    found = classify(scores, labels, None)
    assert found.others
    assert {21, 33} <= set(found.classes)
    assert len(found.classes) == 12
    assert sum(map(sum, found.counts)) == 40
    assert found.worst[0].index == 33


def test_scores_that_are_not_finite_are_the_worst() -> None:
    found = classify([np.array([np.nan, 1.0]), np.array([1.0, 0.0])], np.array([0, 0]), None)
    assert found.worst[0].index == 0
    assert np.isfinite(found.worst[0].margin)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((1, 96, 96, 1), True),
        ((1, 49, 10, 1), True),
        ((1, 4, 96, 1), False),
        ((1, 640), False),
        ((2, 9, 9, 3), False),
    ],
)
def test_what_counts_as_a_picture(shape: tuple[int, ...], expected: bool) -> None:
    assert pictures.is_picture(shape) is expected


def test_pictures_survive_the_file(tmp_path: Path) -> None:
    inputs = np.arange(3 * 64, dtype=np.uint8).astype(np.int8).reshape(3, 1, 8, 8, 1)
    pictures.save(inputs, [0, 2, 9], tmp_path / pictures.FILE)
    found = pictures.load(tmp_path)
    assert sorted(found) == [0, 2]
    assert np.array_equal(found[2].reshape(-1), np.arange(128, 192, dtype=np.uint8) ^ 0x80)
    assert pictures.to_bytes(np.array([[[[0.5]], [[-0.5]]]])).reshape(-1).tolist() == [255, 0]
    assert sorted(pictures.load(tmp_path / "run.json")) == sorted(found)


@pytest.mark.parametrize(
    "content", [b"", b"PK", {"index": np.zeros(1)}, {"index": [0], "picture": np.zeros((1, 8, 8, 1))}]
)
def test_damaged_pictures_are_refused(content: Any, tmp_path: Path) -> None:
    path = tmp_path / pictures.FILE
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.savez(path, **content)
    with pytest.raises(UsageError, match="damaged"):
        pictures.load(tmp_path)


def test_feature_maps_against_the_reference(run: Document) -> None:
    found = reference.maps(run)
    assert found is not None
    assert not found.equal
    assert found.text == "The first difference is in layer 2 (DEPTHWISE_CONV_2D)."
    assert [(x.index, x.mismatched, x.own, x.first) for x in found.lines] == [
        (0, "-", "-", "-"),
        (1, "-", "?", "-"),
        (2, "17", "17", "0, 3, 1, 2"),
        (3, "17", "-", "0, 3, 1, 3"),
    ]
    assert [x.name.split(", ")[1:] for x in found.lines] == [["patches"], ["stitched"], [], []]
    assert "0, 3, 1, 2" in details.full_report(run)


def hostile(content: Any) -> Any:
    """The document with a script for every text that may come from a model, a device or a command line."""
    free = {
        "name",
        "model",
        "board",
        "op",
        "oracle",
        "split_tensor",
        "method",
        "command",
        "compiler",
        "system",
    }
    free |= {"runner", "python", "numpy", "intarsia", "made", "kernels", "metric", "rule"}
    if isinstance(content, dict):
        return {
            key: HOSTILE if key in free and isinstance(value, str) else hostile(value)
            for key, value in content.items()
        }
    return [hostile(part) for part in content] if isinstance(content, list) else content


def test_nothing_from_a_run_gets_out_of_its_place() -> None:
    run = Document.model_validate(hostile(runs.full_run()))
    pages = [
        html.render(run, runs.pictures()),
        html.render_comparison(compare(run, run, [], (HOSTILE, "b")), [run] * 2),
    ]
    for text in (*pages, details.full_report(run)):
        assert not {"\x1b", "\u202e"}.intersection(text)
    for page in pages:
        assert "<script" not in page
        assert "<b onclick" not in page
        assert "{{ 7*7 }}" in page


def test_text_and_page_say_the_same(run: Document) -> None:
    page = re.sub(r"<[^>]*>", " ", html.render(run, runs.pictures()).split("</style>")[1])
    text = details.full_report(run)
    for figure in (
        "1,234,567",
        "20,000",
        "12,000",
        "4,096",
        "4,000",
        "7,040",
        "GCC 12.2.1",
        "QEMU emulator",
        "-0.5",
    ):
        assert figure in text, figure
        assert figure in page, figure
    assert "######  ......" not in text
    assert "......  ######" in text


NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


def test_text_page_and_json_carry_the_same_numbers(run: Document) -> None:
    """Every figure in a table of the page is in the text, and every count of the document is in both."""
    page, text = html.render(run, runs.pictures()), set(NUMBER.findall(details.full_report(run)))
    cells = re.findall(r'<td class="n[^"]*"[^>]*>(.*?)</td>', page, re.DOTALL)
    shown = {number for cell in cells for number in NUMBER.findall(re.sub(r"<[^>]*>", "", cell))}
    assert len(shown) > 15
    assert shown - text == set()
    document = run.model_dump(mode="json")
    layers = [layer[key] for layer in document["latency"]["layers"] for key in ("count", "macs")]
    buffers = [buffer["size"] for buffer in document["arena"]["buffers"]]
    counts = {f"{n:,}" for n in (*layers, *buffers, *document["memory"].values()) if isinstance(n, int) and n}
    assert counts - text == set()
    assert counts - set(NUMBER.findall(re.sub(r"<[^>]*>", " ", page))) == set()


def test_two_runs_side_by_side(run: Document) -> None:
    other = run.model_copy(update={"latency": run.latency.model_copy(update={"total": 1_000_000})})
    found = compare(run, other, [], ("a", "b"))
    latency = next(metric for metric in sidebyside.metrics(found) if metric.name == "latency")
    assert (latency.before, latency.after, latency.change) == ("1,234,567", "1,000,000", "-234,567")
    assert latency.bars == (100.0, pytest.approx(81.0, abs=0.1))
    assert [pair.change for pair in sidebyside.layers(run, other)] == ["+0"] * 4
    assert "1,000,000" in html.render_comparison(found, [run, other])


def test_layers_that_only_one_run_has_stand_alone(run: Document) -> None:
    shorter = run.model_copy(
        update={"latency": run.latency.model_copy(update={"layers": run.latency.layers[1:]})}
    )
    assert next((p.before, p.after) for p in sidebyside.layers(run, shorter)) == ("100,000", "-")
    assert [(p.before, p.after) for p in sidebyside.layers(shorter, run)][-1] == ("-", "100,000")
    assert sidebyside.layers(run, Document.model_validate(runs.full_run("none"))) == []


def colors(scheme: str) -> dict[str, str]:
    text = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\}", text, re.DOTALL)
    return dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", blocks[scheme == "dark"]))


def luminance(color: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("front", "back"),
    [
        *(("ink", back) for back in ("paper", "raised", "tint1", "tint2", "tint3", "plain")),
        *((front, "paper") for front in ("quiet", "accent", "bad")),
    ],
)
def test_contrast_of_text(front: str, back: str, scheme: str) -> None:
    found = colors(scheme)
    light, dark = sorted((luminance(found[front]), luminance(found[back])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5
