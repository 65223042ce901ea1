# SPDX-License-Identifier: Apache-2.0
"""`intarsia diff` names the layer that computes something else: faults are put into the C of generated projects."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from intarsia import boards, diffing, modelfile, pipeline, simulate
from intarsia.build import Project
from intarsia.cli import app
from intarsia.difference import Comparison, Differences
from intarsia.ir import Graph
from intarsia.plan import patch, planfile
from intarsia.quantize.mixed import Bits, requantize
from intarsia.request import Patching
from support import small

BOARDS = ("host", pytest.param("qemu-cortex-m4", marks=pytest.mark.emulator))
STEM, DEEP, POINT, ADD, LAST, SCORES = range(6)


@pytest.fixture(scope="module")
def graph() -> Graph:
    return small.int8_graph()


def project(graph: Graph, board: str, folder: Path, patching: Patching | None = None) -> Path:
    pipeline.generate(graph, boards.load(board), folder / "fw", patching=patching)
    return folder / "fw"


def damage(source: Path, place: int) -> None:
    """Adds a line to the end of the last function of a kernel: one value of its output is 5 more, or 5 less."""
    text = source.read_text(encoding="utf-8").rstrip()
    assert text.endswith("}")
    line = f"out[{place}] = (int8_t)(out[{place}] + (out[{place}] < 0 ? 5 : -5));"
    source.write_text(f"{text[:-1]}  {line}\n}}\n", encoding="utf-8")


def diff(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str, code: int = 0) -> dict[str, Any]:
    assert app.run(["diff", str(folder), "--json", "-q", *arguments]) == code
    out, err = capsys.readouterr()
    assert err.startswith("error: the first difference is in layer" if code == 3 else "")
    found: dict[str, Any] = json.loads(out)
    return found


@pytest.mark.parametrize("board", BOARDS)
def test_equal_firmware_exits_with_0(
    board: str, graph: Graph, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = diff(capsys, project(graph, board, tmp_path), "--sample", "3")
    assert (found["schema"], found["equal"], found["first"], found["sample"]) == (
        "intarsia.diff",
        True,
        None,
        3,
    )
    assert [layer["own"] for layer in found["layers"]] == [0] * 6


@pytest.mark.emulator
def test_feature_maps_come_over_a_serial_port(
    graph: Graph, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline.generate(graph, boards.load("qemu-cortex-m4").with_link("uart"), tmp_path / "fw")
    assert diff(capsys, tmp_path / "fw")["equal"]


def test_a_fault_is_found_in_its_layer(
    graph: Graph, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = project(graph, "host", tmp_path)
    np.savez(tmp_path / "x.npz", x=small.int8_samples(graph, 3)[0])
    damage(folder / "kernels" / "add_s8__scalar.c", 100)
    found = diff(capsys, folder, "--data", str(tmp_path / "x.npz"), "--sample", "2", code=3)
    first = found["first"]
    assert (first["index"], first["op"], first["mismatched"], first["max_abs_diff"]) == (ADD, "ADD", 1, 5.0)
    assert first["first"] == [0, 2, 0, 4]
    assert abs(first["device"] - first["reference"]) == 5
    owns = [layer["own"] for layer in found["layers"]]
    assert owns == [0, 0, 0, 1, 0, 0]
    assert found["layers"][LAST]["mismatched"] > 0


@pytest.mark.emulator
def test_a_fault_in_a_generated_kernel_goes_away_with_the_reference_kernel(
    graph: Graph, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = project(graph, "qemu-cortex-m4", tmp_path)
    damage(folder / "model" / "small_layer2.c", 17)
    first = diff(capsys, folder, code=3)["first"]
    assert (first["index"], first["name"], first["first"], first["own"]) == (POINT, "point", [0, 0, 2, 1], 1)
    assert diff(capsys, folder, "--reference-kernels", "2")["equal"]
    assert not list(tmp_path.glob("fw-*"))


@pytest.mark.parametrize("mode", ["arena", "reader"])
def test_patches_are_compared_one_by_one(
    mode: str, graph: Graph, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    planfile.save(patch.plan_of(graph, ADD, (2, 3), mode), tmp_path / "plan.json")
    folder = project(graph, "host", tmp_path, Patching(file=tmp_path / "plan.json"))
    equal = diff(capsys, folder)
    assert equal["equal"]
    parts = [(layer["index"], layer["whole"]) for layer in equal["layers"]]
    patches = [(layer, False) for layer in (STEM, DEEP, POINT, ADD)]
    assert parts == [*patches, (ADD, True), (LAST, True), (SCORES, True)]
    assert [layer["own"] for layer in equal["layers"]] == [0, 0, 0, 0, None, 0, 0]

    damage(folder / "kernels" / "depthwise_conv_2d_s8_s8__scalar.c", -1)  # `out` has gone to the end
    found = diff(capsys, folder, code=3)
    first = found["first"]
    assert (first["index"], first["patch"], first["mismatched"], first["own"]) == (DEEP, [0, 0], 6, 6)
    assert first["first"] == [0, 2, 1, 7]
    assert [layer["own"] for layer in found["layers"]] == [0, 6, 0, 0, None, 0, 0]
    assert found["layers"][4]["mismatched"] > 0


def test_a_fault_of_the_stitching_is_told_apart(
    graph: Graph, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    planfile.save(patch.plan_of(graph, ADD, (2, 2), "arena"), tmp_path / "plan.json")
    folder = project(graph, "host", tmp_path, Patching(file=tmp_path / "plan.json"))
    source = folder / "model" / "small.c"
    text = source.read_text()
    place = text.index("ITR_SHOW(3, 0", text.index("void small_invoke"))
    source.write_text(f"{text[:place]}arena[{arena_offset(text, place)}] ^= 1;\n  {text[place:]}")
    first = diff(capsys, folder, code=3)["first"]
    assert (first["index"], first["whole"], first["patch"], first["mismatched"]) == (ADD, True, None, 1)


def arena_offset(text: str, place: int) -> int:
    """The offset in the statement `ITR_SHOW(layer, output, AT(const void, offset), bytes)` at a place of the text."""
    match = re.match(r"ITR_SHOW\(\d+, \d+, AT\(const void, (\d+)\)", text[place:])
    assert match is not None
    return int(match[1])


def test_a_profile_compares_feature_maps_when_asked(
    graph: Graph, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "small.itr"
    modelfile.save(graph, model)
    assert app.run(["profile", str(model), "-b", "host", "--diff", "-o", str(tmp_path / "run"), "-q"]) == 0
    maps = json.loads((tmp_path / "run" / "run.json").read_text())["reference"]["maps"]
    assert [(layer["index"], layer["mismatched"]) for layer in maps["layers"]] == [(i, 0) for i in range(6)]
    assert "All 6 feature maps" in (tmp_path / "run" / "report.html").read_text()
    assert not (tmp_path / "run" / "fw" / "build" / "dumping").exists()


def test_narrow_feature_maps_are_unpacked(
    graph: Graph, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {tensor.name: i for i, tensor in enumerate(graph.tensors)}
    bits = Bits({names["stem"]: 4, names["deep"]: 2}, {POINT: 4})
    narrow = requantize(graph, small.int8_samples(graph, 16), bits, None).graph
    assert diff(capsys, project(narrow, "host", tmp_path))["equal"]


def test_inputs_and_outputs_outside_the_arena_stay_there(
    graph: Graph, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a project that is made again for --reference-kernels, too."""
    folder, seen = project(graph, "host", tmp_path, Patching(external=True)), []
    run = diffing.run

    def watched(made: Project, *arguments: Any) -> Differences:
        seen.append((made.folder == folder, made.document["io"]))
        return run(made, *arguments)

    monkeypatch.setattr(diffing, "run", watched)
    for more in ([], ["--reference-kernels", "2"]):
        assert diff(capsys, folder, *more)["equal"]
    assert seen == [(True, "external"), (False, "external")]


def test_generate_swaps_a_layer_to_portable_c(
    graph: Graph, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "small.itr"
    modelfile.save(graph, model)
    arguments = ["generate", str(model), "-b", "qemu-cortex-m4", "-q", "-o", str(tmp_path / "fw")]
    assert app.run([*arguments, "--reference-kernels", "2,4"]) == 0
    kernels = [
        layer["kernels"][0].split("__")[1]
        for layer in json.loads((tmp_path / "fw" / "intarsia.json").read_text())["layers"]
    ]
    assert kernels == ["dsp", "dsp", "scalar", "dsp", "scalar", "dsp"]
    capsys.readouterr()
    for wrong in ("6", "x", "", "1,,2", "-1"):
        assert app.run([*arguments, "--reference-kernels", wrong]) == 2


@pytest.mark.parametrize(
    "arguments",
    [["--sample", "-1"], ["--sample", "8"], ["--reference-kernels", "9"], ["--data", "a", "--inputs", "b"]],
)
def test_wrong_arguments(arguments: list[str], graph: Graph, tmp_path: Path) -> None:
    assert app.run(["diff", str(project(graph, "host", tmp_path)), "-q", *arguments]) == 2


def test_every_layer_at_fault_is_told_from_those_behind_it(graph: Graph) -> None:
    inputs = [x[0] for x in small.int8_samples(graph, 1)]
    values = simulate.run_all(graph, inputs)
    dump = [graph.output(node).dtype.pack(values[node.outputs[0]]) for node in graph.nodes]
    comparison = Comparison(graph)
    assert comparison.shown == [(layer, 0, len(data)) for layer, data in enumerate(dump)]
    assert all(layer.mismatched == layer.own == 0 for layer in comparison.compare(inputs, dump))
    for layer in (STEM, SCORES):
        dump[layer] = bytes([dump[layer][0] ^ 0x40]) + dump[layer][1:]
    found = comparison.compare(inputs, dump)
    assert found[STEM].first == (0, 0, 0, 0)
    assert [layer.own for layer in found if layer.index in (STEM, POINT, LAST, SCORES)] == [1, 0, 0, 1]
    assert all(found[reader].own for reader in (DEEP, ADD)), "they were not computed from the damaged map"
