# SPDX-License-Identifier: Apache-2.0
"""Runs as documents, tables, HTML, gates and comparisons."""

from __future__ import annotations

import copy
import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from intarsia.cli import app
from intarsia.errors import StageError, UsageError
from intarsia.report import compare, document, files, gates, html, text
from intarsia.report.document import Document

HOSTILE = "<script>alert(1)</script>&\"'\x1b[31m{{ 7*7 }}\u202e"


def run_document(**changes: Any) -> dict[str, Any]:
    """A small valid document; keys with dots change parts of it."""
    content: dict[str, Any] = {
        "schema": "intarsia.run",
        "schema_version": 1,
        "model": "m",
        "board": "qemu-cortex-m4",
        "latency": {
            "unit": "instructions",
            "total": 1200,
            "layers": [
                {"index": 0, "op": "CONV_2D", "name": "first", "count": 900, "macs": 1800},
                {"index": 1, "op": "RESHAPE", "name": "second", "count": 0, "macs": 0},
                {"index": 2, "op": "SOFTMAX", "name": "third", "count": 300, "macs": 0},
            ],
            "milliseconds": None,
        },
        "memory": {
            "arena_bytes": 4096,
            "stack_bytes": 512,
            "ram_bytes": 5000,
            "flash_bytes": 20000,
            "weights_bytes": 12000,
            "code_bytes": 8000,
            "image_bytes": 0,
            "arena_lower_bound": 4000,
        },
        "accuracy": {"metric": "top1", "value": 0.9, "samples": 100},
        "reference": {
            "rule": "tflm",
            "oracle": "tflite-runtime 2.14.0",
            "compared": 1000,
            "mismatched_outputs": 0,
            "max_abs_diff": 0.0,
            "accuracy": 0.91,
        },
        "plan": None,
        "device": {"samples": 100, "stack_bytes": 400, "damaged_frames": {}},
    }
    for key, value in changes.items():
        *path, last = key.split("__")
        part = content
        for step in path:
            part = part[step]
        part[last] = value
    return content


def without_counter() -> dict[str, Any]:
    content = run_document(latency__unit="none", latency__total=None, board="host")
    for layer in content["latency"]["layers"]:
        layer["count"] = None
    return content


def parsed(content: dict[str, Any]) -> Document:
    return Document.model_validate(content)


def contains(whole: Any, part: Any) -> bool:
    """Whether a document says all that another, older one says."""
    if isinstance(part, dict):
        return all(key in whole and contains(whole[key], value) for key, value in part.items())
    if isinstance(part, list):
        return len(whole) == len(part) and all(map(contains, whole, part))
    return bool(whole == part)


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    path = tmp_path / "run.json"
    path.write_text(json.dumps(run_document()))
    return path


def test_documents_survive_a_round_trip(run_file: Path) -> None:
    read = document.read(run_file)
    assert contains(read.to_json(), run_document())
    assert Document.model_validate(read.to_json()) == read
    assert document.read(run_file.parent) == document.read(run_file)


def test_a_document_has_the_fields_of_the_design() -> None:
    content = parsed(run_document()).to_json()
    assert set(content) == {
        "schema",
        "schema_version",
        "model",
        "board",
        "latency",
        "memory",
        "accuracy",
        "reference",
        "plan",
        "device",
        "inputs",
        "arena",
        "classification",
        "environment",
    }
    assert set(content["latency"]) == {"unit", "total", "layers", "milliseconds"}
    assert {"index", "op", "name", "count", "macs"} < set(content["latency"]["layers"][0])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "is not a run"),
        ('{"schema": "other"}', "is not a run"),
        ('{"schema": "intarsia.run", "schema_version": 2}', "schema version 2, not 1"),
        ('{"schema": "intarsia.run", "schema_version": 1}', "'model'"),
        (json.dumps(run_document(latency__total="many")), "'latency.total'"),
        (json.dumps(run_document(memory__ram_bytes=-1)), "'memory.ram_bytes'"),
        (json.dumps(run_document(accuracy__value=float("nan"))), "'accuracy.value'"),
        (json.dumps(run_document(latency__unit="ms")), "'latency.unit'"),
    ],
)
def test_damaged_documents_are_refused(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=re.escape(message)) as caught:
        document.read(path)
    assert caught.value.hint


def test_missing_documents_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        document.read(tmp_path)


def test_the_table_has_every_figure() -> None:
    shown = text.run_report(parsed(run_document(device__damaged_frames={"checksum": 2})))
    for part in (
        "75.0%",
        "2.00",
        "1,200 instructions per inference, median of 100",
        "arena 4,096 (lower bound 4,000), stack bound 512 (measured 400), other 392",
        "20,000 bytes: weights 12,000, code 8,000",
        "top1 0.9000 over 100 samples; the reference has 0.9100",
        "0 of 1,000 output values differ from tflite-runtime 2.14.0 (rule tflm)",
        "damaged on the way, all repaired: 2 checksum",
    ):
        assert part in shown


def test_a_board_without_counter_shows_none_and_no_zero() -> None:
    shown = text.run_report(parsed(without_counter()))
    assert "not measured: this board has no counter" in shown
    assert "share" not in shown
    assert not re.search(r"\b0 (none|instructions|cycles)", shown)


def test_differences_are_told_with_their_size() -> None:
    changed = run_document(reference__mismatched_outputs=3, reference__max_abs_diff=None)
    assert "3 of 1,000 output values differ" in text.run_report(parsed(changed))
    assert "largest difference not finite" in text.run_report(parsed(changed))


def test_text_is_cleaned() -> None:
    content = run_document(model=HOSTILE, reference__oracle=HOSTILE)
    content["latency"]["layers"][0]["name"] = HOSTILE
    shown = text.run_report(parsed(content))
    assert not {"\x1b", "\u202e"}.intersection(shown)


class Page(HTMLParser):
    """Tags, their attributes and the text of a page."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("content", [run_document(), without_counter()], ids=["counter", "none"])
def test_html_is_well_formed_and_needs_nothing(content: dict[str, Any]) -> None:
    page = Page(html.render(parsed(content)))
    assert page.open == []
    names = {tag for tag, _ in page.tags}
    assert {"html", "svg", "rect"} <= names
    assert not names & {"script", "link", "img", "iframe", "object", "form", "base"}
    assert not any(key == "src" or key.startswith("on") for _, attrs in page.tags for key in attrs)
    links = [attrs["href"] or "" for _, attrs in page.tags if "href" in attrs]
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in links)
    assert "5,000" in page.text


def test_html_bars_follow_the_counts() -> None:
    bars = [
        a for tag, a in Page(html.render(parsed(run_document()))).tags if tag == "rect" and "class" not in a
    ]
    assert [a["width"] for a in bars] == ["100.000%", "0.000%", "33.333%"]


def test_html_escapes_everything() -> None:
    content = run_document(model=HOSTILE, board=HOSTILE, reference__oracle=HOSTILE, accuracy__metric=HOSTILE)
    content["latency"]["layers"][0] |= {"name": HOSTILE, "op": HOSTILE}
    content["gates"] = [{"name": HOSTILE, "limit": 1, "value": 2, "passed": False}]
    source = html.render(parsed(content))
    page = Page(source)
    assert "script" not in {tag for tag, _ in page.tags}
    assert "alert(1)" in page.text
    assert "{{ 7*7 }}" in page.text
    assert not {"\x1b", "\u202e"}.intersection(source)


def test_layers_as_csv(tmp_path: Path) -> None:
    files.write_layers(parsed(without_counter()), tmp_path / "layers.csv")
    rows = list(csv.DictReader((tmp_path / "layers.csv").open(newline="")))
    assert [row["op"] for row in rows] == ["CONV_2D", "RESHAPE", "SOFTMAX"]
    assert {row["count"] for row in rows} == {""}
    assert {row["unit"] for row in rows} == {"none"}


def test_gates() -> None:
    run = parsed(run_document())
    checked = gates.check(run, gates.Limits(min_accuracy=0.9, max_drop=0.005, bit_exact=True))
    assert [(gate.name, gate.passed) for gate in checked.gates or ()] == [
        ("bit-exact", True),
        ("min-accuracy", True),
        ("max-drop", False),
    ]
    assert checked.to_json()["gates"][2]["value"] == pytest.approx(0.01)


def test_bit_exact_means_equal_even_for_floats() -> None:
    run = parsed(run_document(reference__max_abs_diff=1e-9))
    (gate,) = gates.check(run, gates.Limits(bit_exact=True)).gates or ()
    assert not gate.passed


def test_accuracy_gates_need_labels() -> None:
    run = parsed(run_document(accuracy=None))
    with pytest.raises(UsageError, match="--min-accuracy needs labels"):
        gates.check(run, gates.Limits(min_accuracy=0.5))


def test_junit() -> None:
    run = parsed(run_document(model=HOSTILE + "\x00"))
    root = ElementTree.fromstring(gates.junit(gates.check(run, gates.Limits(0.95, None, True))))
    suite = root.find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    failed = [case.get("name") for case in suite.iter("testcase") if case.find("failure") is not None]
    assert failed == ["min-accuracy"]


def changed(**changes: Any) -> Document:
    return parsed(run_document(**changes))


@pytest.mark.parametrize(
    ("condition", "fails"),
    [
        ("latency>+5%", True),
        ("latency>10%", False),
        ("latency>=10%", True),
        ("latency > 119", True),
        ("latency>120", False),
        ("ram<0", True),
        ("ram<-2K", False),
        ("flash>0", False),
        ("accuracy<-0.01", True),
        ("accuracy<-0.05", False),
        ("code>=0", True),
    ],
)
def test_conditions(condition: str, fails: bool) -> None:
    after = changed(latency__total=1320, memory__ram_bytes=4000, accuracy__value=0.88)
    result = compare.compare(changed(), after, [compare.parse_condition(condition)], ("a", "b"))
    assert result.failed == ((condition,) if fails else ())
    assert json.loads(json.dumps(result.to_json(), allow_nan=False))["failed"] == list(result.failed)


@pytest.mark.parametrize(
    ("after", "condition", "message"),
    [
        (parsed(without_counter()), "latency>5%", "count differently"),
        (changed(accuracy=None), "accuracy<0", "B does not have it"),
        (changed(accuracy__samples=7), "accuracy<0", "different samples"),
    ],
)
def test_conditions_that_cannot_be_checked(after: Document, condition: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        compare.compare(changed(), after, [compare.parse_condition(condition)], ("a", "b"))
    assert "latency" in compare.report(compare.compare(changed(), after, [], ("a", "b")))


@pytest.mark.parametrize(
    "wrong", ["", "latency", "latency=5", ">5", "latency>5%%", "latency>five", "speed>1"]
)
def test_wrong_conditions(wrong: str) -> None:
    with pytest.raises(UsageError):
        compare.parse_condition(wrong)


def test_compare_exits_with_3(run_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slower = tmp_path / "slower.json"
    slower.write_text(json.dumps(run_document(latency__total=2400)))
    arguments = ["compare", str(run_file), str(slower), "--fail-if", "latency>+5%", "--json"]
    assert app.run(arguments) == 3
    out, err = capsys.readouterr()
    assert json.loads(out)["failed"] == ["latency>+5%"]
    assert err.startswith("error: holds: latency>+5%\nhint: ")
    assert app.run(["compare", str(run_file), str(run_file), "--fail-if", "latency>+5%"]) == 0


def test_report_verb(run_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["report", str(run_file)]) == 0
    assert "qemu-cortex-m4" in capsys.readouterr().out
    page = tmp_path / "page.html"
    assert app.run(["report", str(run_file), "--html", str(page), "-q"]) == 0
    assert capsys.readouterr() == ("", "")
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_report_shows_two_runs(run_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    faster, page = tmp_path / "faster.json", tmp_path / "two.html"
    faster.write_text(json.dumps(run_document(latency__total=600)))
    assert app.run(["report", str(run_file), str(faster), "--json"]) == 0
    latency = json.loads(capsys.readouterr().out)["metrics"][0]
    assert (latency["before"], latency["after"], latency["percent"]) == (1200, 600, -50.0)
    assert app.run(["report", str(run_file), str(faster)]) == 0
    assert "-50.0%" in capsys.readouterr().out
    assert app.run(["report", str(run_file), str(faster), "--html", str(page), "-q"]) == 0
    assert "-50.0%" in page.read_text(encoding="utf-8")
    assert app.run(["report", str(run_file), str(tmp_path / "none.json")]) == 2


def test_files_are_not_half_written(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="cannot write"):
        files.replace_text(tmp_path, "x")
    with pytest.raises(StageError, match="cannot write"):
        files.replace_text(tmp_path / "no" / "page.html", "x")
    assert list(tmp_path.iterdir()) == []


def test_documents_are_not_changed_by_gates() -> None:
    run = changed()
    before = copy.deepcopy(run.to_json())
    gates.check(run, gates.Limits(0.5, None, True))
    assert run.to_json() == before
