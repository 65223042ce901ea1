# SPDX-License-Identifier: Apache-2.0
"""Names that no program may take for anything but names, all the way: C that compiles, and reports that say them."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from fuzzing import values
from intarsia import boards, modelfile, pipeline, simulate
from intarsia.importers import tflite
from intarsia.ir import Graph
from intarsia.ops._scaled_sum import SumAttrs
from intarsia.passes import canonicalise
from intarsia.report import document
from intarsia.report.text import brief
from intarsia.request import Request
from intarsia_codegen.names import comment, identifier
from support import harness
from support.tiny import Tiny

NAMES = [name.decode("utf-8", "replace") for name in values.NAMES]
ALIKE = ["a/b", "a.b", "a_b", "A-B", "a b", "a/b"]
"""Equal once they are cleaned; two are equal as they are."""
STEM = 'int main(void) { system("id"); } *%s%n; ${HOME} größe'


def chain(names: list[str]) -> bytes:
    """x + x, and again, with a name for the input and for every layer's output."""
    t = Tiny()
    x = t.input((1, 4), name=names[0])
    for name in names[1:]:
        x = t.node("ADD", [x, x], (1, 4), SumAttrs(), scale=0.1, name=name)
    return t.bytes


def test_the_whole_way(tmp_path: Path) -> None:
    """Built with warnings as errors and run; project, run and page have the names as they were."""
    names = [*NAMES, *ALIKE]
    model = tmp_path / f"{STEM}.tflite"
    model.write_bytes(chain(names))
    pipeline.profile(model, boards.load("host"), Request(oracle="intarsia"), out=tmp_path / "run")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([model.name, "run"])
    files = {path.relative_to(tmp_path / "run" / "fw") for path in (tmp_path / "run" / "fw").rglob("*")}
    assert all(re.fullmatch(r"[A-Za-z0-9_./-]+", str(path)) for path in files)

    project = json.loads((tmp_path / "run" / "fw" / "intarsia.json").read_text())
    assert project["model"] == STEM
    assert project["inputs"][0]["name"] == names[0]
    assert project["outputs"][0]["name"] == names[-1]
    assert [layer["name"] for layer in project["layers"]] == names[1:]
    assert {buffer["name"] for buffer in project["arena"]["buffers"]} == set(names)
    graph = modelfile.load(tmp_path / "run" / "fw" / "model.itr")
    assert [graph.output(node).name for node in graph.nodes] == names[1:]

    found = document.read(tmp_path / "run")
    assert found.reference.mismatched_outputs == 0
    assert [layer.name for layer in found.latency.layers] == names[1:]
    page = (tmp_path / "run" / "report.html").read_text()
    shown = html.unescape(page)
    assert all(brief(name) in shown for name in names)
    assert "<script" not in page
    assert not {"\x1b", "\u202e", "\x00"}.intersection(page)


PARTS = (
    "a",
    "_",
    "0",
    "int",
    "*/",
    "/*",
    "%s",
    "${X}",
    "..",
    "/",
    "\\",
    '"',
    "'",
    "??/",
    "\n",
    "\0",
    "ö",
    "数",
    "\u202e",
    " ",
)


def test_drawn_names_compile_and_come_back(tmp_path: Path) -> None:
    """Networks whose tensors have names of drawn parts and of any characters; harness.run_cases builds with warnings
    as errors."""
    graphs: list[Graph] = []

    @settings(max_examples=20, database=None, phases=[Phase.generate])
    @given(
        st.lists(
            st.one_of(st.text(max_size=40), st.lists(st.sampled_from(PARTS)).map("".join)),
            min_size=2,
            max_size=8,
        )
    )
    def collect(names: list[str]) -> None:
        names = [name.encode("utf-8", "replace").decode() for name in names]
        graph = canonicalise(tflite.parse(chain(names), name=names[0]))
        assert [graph.output(node).name for node in graph.nodes] == names[1:]
        graphs.append(graph)

    collect()
    samples = [[[np.array([[1, -2, 3, 127]], np.int8)]] for _ in graphs]
    outcomes = harness.run_cases(graphs, samples, tmp_path)
    for graph, inputs, outcome in zip(graphs, samples, outcomes, strict=True):
        assert np.array_equal(outcome.outputs[0][0], simulate.run(graph, inputs[0])[0])


@pytest.mark.parametrize("name", [*NAMES, *ALIKE, STEM])
def test_cleaned_names(name: str) -> None:
    """What reaches C: an identifier, and a comment that ends where it is to end."""
    made, told = identifier(name), comment(name)
    assert re.fullmatch(r"[a-z_][a-z0-9_]{0,59}", made)
    assert len(told) <= 80
    assert told.isascii()
    assert told.isprintable() or not told
    assert not re.search(r"\*/|/\*|\?\?|\\$", told)


@pytest.mark.parametrize("word", ["int", "template", "restrict", "static_assert", "typeof", "main", "xor"])
def test_words_of_c_are_no_names(word: str) -> None:
    assert identifier(word) == f"model_{word}"


@pytest.mark.parametrize("word", ["stdint", "string", "math", "NUL", "con"])
def test_files_of_the_system_are_no_names(word: str) -> None:
    """A header of the model must not stand before one of the system."""
    assert identifier(word) == f"model_{word.lower()}"
