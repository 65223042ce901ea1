# SPDX-License-Identifier: Apache-2.0
"""Classes of patches from the command line: made, kept in files, followed, run, refused."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from intarsia import boards, modelfile, pipeline
from intarsia.cli import _bits, app
from intarsia.errors import BudgetError, ModelError, UsageError
from intarsia.plan import planfile
from intarsia.report import listings
from intarsia.request import DataSource, Mixing, Patching, Recipe

SCALE = ["--input-scale", "0.0039215686", "--samples", "12"]
NARROW = ["--bits", "8,4", "--weight-bits", "8,4"]


@pytest.fixture(scope="module", params=["static", "dynamic"])
def made(request: pytest.FixtureRequest, digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with model.itr and plan.json of a network with classes of patches."""
    folder = tmp_path_factory.mktemp(request.param)
    quantize(
        digits, folder / "model.itr", "--save-plan", str(folder / "plan.json"), *NARROW, *vdpc(request.param)
    )
    return folder


def vdpc(form: str) -> list[str]:
    return ["-b", "host", "--patches", "2x2", "--vdpc", form, "--outlier-share", "0.5"]


def quantize(digits: Path, out: Path, *options: str) -> None:
    model, calib = str(digits / "digits96_float.tflite"), str(digits / "calib.npz")
    assert app.run(["quantize", model, "--calib", calib, *SCALE, "-q", "-o", str(out), *options]) == 0


def plan_of(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "plan.json").read_text())
    return document


def test_a_plan_gives_the_same_model_again(made: Path, digits: Path, tmp_path: Path) -> None:
    out, plan = tmp_path / "again.itr", tmp_path / "plan.json"
    quantize(digits, out, "-b", "host", "--plan", str(made / "plan.json"), "--save-plan", str(plan))
    assert out.read_bytes() == (made / "model.itr").read_bytes()
    assert plan.read_bytes() == (made / "plan.json").read_bytes()
    quantize(digits, out, "--plan", str(made / "plan.json"))
    assert out.read_bytes() == (made / "model.itr").read_bytes()


def test_what_a_plan_says(made: Path) -> None:
    plan, graph = plan_of(made), modelfile.load(made / "model.itr")
    assert graph.classes is not None
    kinds = [branch["class"] for branch in plan["branches"]]
    assert plan["outlier_patches"] == kinds.count("outlier") == sum(graph.classes.members)
    assert plan["outliers"]["form"] == made.name.rstrip("0123456789")
    assert plan["outliers"]["z"] > 0
    assert plan["decisions"]["lambda"] == 0.4
    for entry in plan["maps"]:
        form = graph.classes.outlier if entry["scope"] == "outlier" else graph
        assert form.tensor(entry["index"]).name == entry["name"]
        assert form.tensor(entry["index"]).dtype.bits == entry["bits"]
    assert {entry["scope"] for entry in plan["maps"]} == {"normal", "outlier", "rest"}
    assert {entry["weights_bits"] for entry in plan["maps"]} == {None, 4, 8}
    assert plan["bitops"] < plan["bitops_8bit_patch"]


def test_a_model_with_classes_runs_on_its_own(
    made: Path, digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, data = str(made / "model.itr"), ["--data", str(digits / "test.npz"), *SCALE]
    assert app.run(["profile", model, "-b", "host", *data, "--input", "reader", "--diff", "--json"]) == 0
    run = json.loads(capsys.readouterr().out)
    assert run["reference"]["mismatched_outputs"] == 0
    assert run["accuracy"]["value"] >= 0.8
    assert run["plan"]["outliers"]["form"] == plan_of(made)["outliers"]["form"]
    assert not [layer for layer in run["reference"]["maps"]["layers"] if layer["mismatched"]]
    folder = str(tmp_path / "fw")
    assert app.run(["generate", model, "-b", "host", "-o", folder, "-q"]) == 0
    assert app.run(["validate", folder, *data, "--bit-exact", "-q"]) == 0


@pytest.mark.parametrize("form", ["static", "dynamic"])
def test_patches_of_8_bits_have_no_classes(form: str, digits: Path) -> None:
    """Two forms of the same layers would cost flash and time for nothing."""
    made = pipeline.quantized(
        digits / "digits96_float.tflite",
        Recipe(
            calibration=DataSource(digits / "calib.npz", 0.0039215686, limit=12),
            mixing=Mixing((8,), (8, 4), max_drop=None, vdpc=form),
            patching=Patching((2, 2)),
        ),
        boards.load("host"),
    )
    assert made.plan is not None
    assert made.plan.patched
    assert made.graph.classes is None


def test_generate_says_what_was_chosen(
    made: Path, digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bits and patches are decisions about the user's model: the command that makes them shows them."""
    model, calib = str(digits / "digits96_float.tflite"), str(digits / "calib.npz")
    follow = ["--calib", calib, *SCALE[:2], "--plan", str(made / "plan.json")]
    assert app.run(["generate", model, "-b", "host", *follow, "-o", str(tmp_path / "fw")]) == 0
    said = capsys.readouterr()
    assert "BitOPs" in said.err
    assert "run patch by patch, 2 x 2 patches" in said.out
    assert listings.project_json(tmp_path / "fw")["patches"]["grid"] == [2, 2]


@pytest.mark.parametrize("board", [[], ["-b", "qemu-cortex-m4"]])
def test_analysis_of_a_model_with_classes(
    made: Path, board: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run(["analyze", str(made / "model.itr"), *board, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    graph = modelfile.load(made / "model.itr")
    assert len(found["layers"]) == len(graph.nodes)
    assert 0 < found["arena"]["bytes"] < 60_000


@pytest.mark.parametrize("patches", ["off", "3x3"])
def test_classes_belong_to_their_patches(
    made: Path, patches: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run(["profile", str(made / "model.itr"), "-b", "host", "--patches", patches]) == 2
    assert "have classes, in a grid of 2x2" in capsys.readouterr().err


def test_a_model_without_the_bits_of_a_plan(
    made: Path, digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        "profile",
        str(digits / "digits96_int8.tflite"),
        "-b",
        "host",
        "--plan",
        str(made / "plan.json"),
    ]
    assert app.run(arguments) == 2
    assert "classes of patches" in capsys.readouterr().err


def test_follow_refuses_bits_that_cannot_be(
    made: Path, digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = plan_of(made)
    entry = next(e for e in document["maps"] if e["name"] == "probabilities")
    entry["bits"] = 4
    (tmp_path / "plan.json").write_text(json.dumps(document))
    model, calib = str(digits / "digits96_float.tflite"), str(digits / "calib.npz")
    arguments = ["quantize", model, "--calib", calib, *SCALE, "-o", str(tmp_path / "m.itr")]
    assert app.run([*arguments, "--plan", str(tmp_path / "plan.json")]) == 2
    assert "the plan gives 'probabilities' (rest) 4 bits; it can have 8" in capsys.readouterr().err
    assert not (tmp_path / "m.itr").exists()


def change(*path: str | int, to: object) -> Callable[[dict[str, Any]], None]:
    def apply(document: Any) -> None:
        for key in path[:-1]:
            document = document[key]
        document[path[-1]] = to

    return apply


HOSTILE: list[tuple[Callable[[dict[str, Any]], None], str]] = [
    (change("branches", 1, "class", to="odd"), r"branches\.1\.class"),
    (change("branches", 0, "row", to=-1), r"branches\.0\.row"),
    (change("branches", 0, "input", to=[[9, 2], [0, 4]]), r"branches\.0\.input: an empty range"),
    (change("branches", to=[]), r"branches: 0 do not make a grid of 2x2"),
    (change("grid", to=[2**40, 2]), r"branches: 4 do not make a grid"),
    (change("grid", to=[True, 2]), r"grid\.0"),
    (change("outlier_patches", to=4), r"outlier_patches: 4, but"),
    (change("outliers", to=None), r"outliers: missing"),
    (change("outliers", "shares", to=[0.5]), r"outliers\.shares"),
    (change("outliers", "shares", 0, to=float("nan")), r"outliers\.shares\.0"),
    (change("outliers", "form", to="often"), r"outliers\.form"),
    (change("maps", 2, "bits", to=3), r"maps\.2\.bits"),
    (change("maps", 2, "scope", to="all"), r"maps\.2\.scope"),
    (change("maps", 2, "index", to="0"), r"maps\.2\.index"),
    (change("decisions", "lambda", to=7), r"decisions\.lambda"),
    (change("memory", to=[]), r"memory"),
    (change("input", to="film"), r"input"),
    (change("more", to=1), r"more"),
]


@pytest.mark.parametrize(("harm", "where"), HOSTILE)
def test_hostile_plans_are_refused_by_name(
    made: Path, tmp_path: Path, harm: Callable[[dict[str, Any]], None], where: str
) -> None:
    document = plan_of(made)
    harm(document)
    (tmp_path / "plan.json").write_text(json.dumps(document))
    with pytest.raises(UsageError, match=rf"plan\.json: damaged plan: {where}"):
        planfile.load(tmp_path / "plan.json")


def test_a_dynamic_rule_must_fit_its_form(made: Path, tmp_path: Path) -> None:
    document = plan_of(made)
    rule = document["outliers"]["rule"]
    changed = {"first": 0, "last": 1, "allowed": [1]} if rule is None else {**rule, "allowed": [-1] * 4}
    document["outliers"]["rule"] = changed
    (tmp_path / "plan.json").write_text(json.dumps(document))
    with pytest.raises(UsageError, match=r"damaged plan: outliers\.rule"):
        planfile.load(tmp_path / "plan.json")


@pytest.mark.parametrize("text", ["", "[]", "{}", "nul", '{"schema": "intarsia.plan"}', "[" * 100_000])
def test_files_that_are_no_plans(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(UsageError, match=r"plan"):
        planfile.load(tmp_path / "plan.json")


DAMAGE: list[tuple[Callable[[dict[str, Any]], None], str]] = [
    (change("classes", "grid", to=[2, 3]), "classes for a grid"),
    (change("classes", "grid", to=["2", 2]), "valid integer"),
    (change("classes", "shares", to=[0.0] * 4), "of one class|fit|decided|outlier"),
    (change("classes", "shares", to=[2.0] * 4), "less than or equal to 1"),
    (change("classes", "split_after", to=999), "not those before the split"),
    (change("classes", "outlier", "outputs", to=[0]), "split map"),
    (change("classes", "outlier", "nodes", to=[]), "is never written"),
    (change("classes", "outlier", "shared", to=[10**6]), "does not exist"),
    (change("classes", "outlier", "shared", to=[]), "damaged|cannot be run"),
    (change("classes", "outlier", to=None), "damaged"),
    (change("classes", to=[]), "damaged"),
]


@pytest.mark.parametrize(("harm", "what"), DAMAGE)
def test_damaged_classes_of_a_model_file(
    made: Path, tmp_path: Path, harm: Callable[[dict[str, Any]], None], what: str
) -> None:
    if "of one class" in what and made.name.startswith("dynamic"):
        what = ""  # by a rule, calibration data may never have met an outlier
    stream = io.BytesIO()
    with zipfile.ZipFile(made / "model.itr") as source, zipfile.ZipFile(stream, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "graph.json":
                document = json.loads(content)
                harm(document)
                content = json.dumps(document).encode()
            target.writestr(name, content)
    (tmp_path / "m.itr").write_bytes(stream.getvalue())
    if not what:
        modelfile.load(tmp_path / "m.itr")
        return
    with pytest.raises(ModelError, match=what):
        modelfile.load(tmp_path / "m.itr")


def test_options_of_the_command_line() -> None:
    path = Path("calib.npz")
    chosen = _bits.Choosing("8,4", balance=0.25, vdpc="dynamic", outlier_share=0.1).mixing(path)
    assert chosen is not None
    assert (chosen.vdpc, chosen.balance, chosen.outliers.rule, chosen.outliers.value) == (
        "dynamic",
        0.25,
        "share",
        0.1,
    )
    plain = _bits.Choosing("8,4").mixing(path)
    assert plain is not None
    assert (plain.vdpc, plain.balance, plain.outliers.rule, plain.outliers.value) == (
        "static",
        0.4,
        "share",
        0.25,
    )
    assert _bits.Choosing(outlier_z=3.5).outliers() is not None
    assert _bits.Choosing().outliers() is None


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--vdpc", "often", *NARROW], "--vdpc: 'often'"),
        (["--vdpc", "static"], "only 8 are allowed"),
        (["--lambda", "0.5"], "only 8 are allowed"),
        (["--lambda", "nan", *NARROW], "--lambda: nan"),
        (["--outlier-share", "1.5", *NARROW], "--outlier-share: 1.5"),
        (["--outlier-z", "-1", *NARROW], "--outlier-z: -1"),
        (["--outlier-z", "inf", *NARROW], "--outlier-z: inf"),
        (["--outlier-coverage", "1", *NARROW], "--outlier-coverage: 1"),
        (["--outlier-z", "3", "--outlier-share", "0.1", *NARROW], "in different ways"),
        (["--vdpc", "off", "--outlier-share", "0.1", *NARROW], "--vdpc off knows no outliers"),
        (["--plan", "p.json", *NARROW], "--plan and the choice of bits"),
        (["--plan", "p.json", "--vdpc", "off"], "--plan and the choice of bits"),
    ],
)
@pytest.mark.parametrize("verb", ["quantize", "profile", "generate"])
def test_wrong_options(verb: str, options: list[str], error: str, capsys: pytest.CaptureFixture[str]) -> None:
    rest = {"quantize": ["-o", "m.itr"], "profile": ["-b", "host"], "generate": ["-b", "host", "-o", "fw"]}[
        verb
    ]
    assert app.run([verb, "m.tflite", "--calib", "c.npz", *rest, *options]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("error: ")
    assert error in first
    assert second.startswith("hint: ")


def test_patches_that_are_all_alike_say_so(
    digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "m.itr"
    model, calib = str(digits / "digits96_float.tflite"), str(digits / "calib.npz")
    arguments = ["quantize", model, "--calib", calib, *SCALE, "-b", "host", "--patches", "2x2", *NARROW]
    assert app.run([*arguments, "--outlier-z", "90", "-o", str(out), "--json"]) == 0
    notes = json.loads(capsys.readouterr().out)["precision"]["notes"]
    assert "z = 90.000 makes no patch an outlier" in notes[0]
    assert modelfile.load(out).classes is None


def test_classes_of_patches_that_are_not_in_use(
    digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, calib = str(digits / "digits96_float.tflite"), str(digits / "calib.npz")
    arguments = ["quantize", model, "--calib", calib, *SCALE, "--bits", "8,4", "-o", str(tmp_path / "m.itr")]
    assert app.run([*arguments, "--vdpc", "dynamic", "--json"]) == 0
    notes = json.loads(capsys.readouterr().out)["precision"]["notes"]
    assert "none are in use" in notes[0]


def test_the_ram_of_a_refusal_suffices(digits: Path) -> None:
    graph = pipeline.load_model(digits / "digits96_int8.tflite")
    for board in (boards.load("host"), boards.load("qemu-cortex-m4")):
        with pytest.raises(BudgetError, match=r"most is alive in layer \d+ \(\w+\)") as error:
            pipeline.plan_for(graph, board, Patching(), 12 << 10)
        found = re.search(r"allow ([\d,]+) bytes", error.value.hint or "")
        assert found is not None
        ram = int(found[1].replace(",", ""))
        plan = pipeline.plan_for(graph, board, Patching(), ram)
        assert plan is not None
        assert plan.patched


def test_plan_has_the_arena_of_the_boards_own_kernels(digits: Path) -> None:
    graph = pipeline.load_model(digits / "digits96_int8.tflite")
    program = pipeline.fit(graph, boards.load("qemu-cortex-m4"), patching=Patching((2, 2)))
    assert program.plan is not None
    memory = program.plan.memory
    assert memory.arena == program.arena_bytes >= max(memory.stage_1, memory.stage_2)
    portable = pipeline.fit(graph, boards.load("host"), patching=Patching((2, 2)), plan=program.plan)
    assert np.isfinite(portable.arena_bytes)
