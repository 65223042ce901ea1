# SPDX-License-Identifier: Apache-2.0
"""The command line as its users meet it: exit codes, `error:` and `hint:`, only results on stdout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from intarsia import boards
from intarsia.cli import _failure, _quantizing, app
from intarsia.errors import BudgetError, EnvironmentMissing, ModelError, StageError, UsageError
from intarsia.ir import Graph


def outcome(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of one command line."""
    code = app.run([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def program(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from intarsia.cli.app import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)  # type: ignore[call-overload, no-any-return]


def test_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = outcome(capsys, "--help")
    assert (code, err) == (0, "")
    for verb in app.VERBS:
        assert f"\n  {verb} " in out


@pytest.mark.parametrize("verb", app.VERBS)
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = outcome(capsys, verb, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: intarsia {verb}")


def test_each_verb_is_a_file() -> None:
    files = {p.stem for p in Path(app.__file__).parent.glob("[!_]*.py")}
    assert files == {*app.VERBS, "app"}


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from intarsia.cli import app; app.application(); "
        "print([m for m in ('numpy', 'pydantic', 'jinja2', 'rich', 'elftools') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome(capsys, "--version") == (0, "intarsia 0.1.0\n", "")
    module = [sys.executable, "-m", "intarsia", "--version"]
    done = subprocess.run(module, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "intarsia 0.1.0\n")


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (["profle"], "no such command 'profle'", "did you mean profile?"),
        (["profile", "--bord", "host"], "no such option: --bord", "did you mean --board"),
        (["profile"], "missing argument 'MODEL'", "`intarsia profile --help`"),
        (["profile", "m.tflite"], "missing option '--board'", "`intarsia profile --help`"),
        (["build", "x", "-j", "0"], "invalid value for '--jobs'", "`intarsia build --help`"),
        ([], "no command given", "`intarsia --help`"),
        (["profile", "m.tflite", "-b", "host", "--ram", "64X"], "--ram: '64X' is not a size", "64K"),
        (["profile", "m.tflite", "-b", "host", "--flash", "0"], "--flash: '0' is not a size", "64K"),
        (["profile", "m.tflite", "-b", "host", "--reference", "x"], "--reference: 'x'", "tflm, litert"),
        (["profile", "m.tflite", "-b", "host", "--oracle", "x"], "--oracle: 'x'", "interpreter"),
        (["profile", "m.tflite", "-b", "host", "--range", "mse"], "--range", "--calib"),
        (["profile", "m.tflite", "-b", "host", "--calib", "c", "--range", "x"], "--range: 'x'", "minmax"),
        (["profile", "m.tflite", "-b", "host", "--samples", "0", "--data", "d"], "--samples: 0", "number"),
        (["profile", "m.tflite", "-b", "host", "--samples", "3"], "there is none", "--data"),
        (["profile", "m.tflite", "-b", "host", "--input-scale", "-1"], "--input-scale", "0.0039"),
        (["profile", "nowhere.tflite", "-b", "host"], "no such file or folder: nowhere.tflite", "path"),
        (["profile", "nowhere.tflite", "-b", "nowhere"], "no such file or folder: nowhere.tflite", "path"),
        (["boards", "qemu-cortex-m44"], "unknown board 'qemu-cortex-m44'", "did you mean qemu-cortex-m4"),
        (["validate", "x", "--min-accuracy", "90"], "--min-accuracy: 90", "0.9"),
        (["validate", "x", "--max-drop", "nan"], "--max-drop: nan", "0.9"),
        (["compare", "a", "b", "--fail-if", "latency"], "'latency' is not a condition", "latency>+5%"),
        (["compare", "a", "b", "--fail-if", "latancy>5"], "unknown metric 'latancy'", "latency"),
        (["run", "x", "--stream", "--json"], "exclude each other", "--stream"),
        (["run", "x", "-o", "y.txt"], "does not end in .npz", "outputs.npz"),
        (["analyze"], "give either a model or --operators", "MODEL"),
        (["quantize", "m", "--calib", "c", "-o", "m.bin"], "does not end in .itr", "model.itr"),
        (["quantize", "m", "--calib", "c", "-o", "m.itr", "--ram", "1K"], "a board's firmware", "--board"),
    ],
)
def test_wrong_arguments(
    arguments: list[str], error: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = outcome(capsys, *arguments)
    assert (code, out) == (2, "")
    first, second = err.splitlines()
    assert first.startswith("error: ")
    assert error in first
    assert second.startswith("hint: ")
    assert hint in second


@pytest.mark.parametrize("content", [b"", b"TFL3", b"\x00" * 100, b"\x1c\0\0\0TFL3" + b"\xff" * 400, b"{}"])
@pytest.mark.parametrize("verb", [["analyze"], ["profile", "--board", "host"]])
def test_malformed_models(
    content: bytes, verb: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for suffix in (".tflite", ".itr"):
        model = tmp_path / f"model{suffix}"
        model.write_bytes(content)
        code, out, err = outcome(capsys, *verb, model, *(["-q"] if "profile" in verb else []))
        assert (code, out) == (2, "")
        assert err.startswith("error: ")
        assert "Traceback" not in err


def test_folders_that_are_not_projects(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("build", "run", "validate", "flash"):
        code, out, err = outcome(capsys, verb, tmp_path, *(["-q"] if verb != "flash" else []))
        assert (code, out) == (2, "")
        assert "is not a firmware project" in err
        assert "hint: make one with `intarsia generate`" in err


def test_foreign_folders_are_left_alone(
    tmp_path: Path, digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    for verb in ("generate", "profile"):
        code, out, err = outcome(
            capsys, verb, digits / "digits96_int8.tflite", "-b", "host", "-o", tmp_path, "-q"
        )
        assert (code, out) == (2, "")
        assert "was not made by Intarsia" in err
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_foreign_files_are_left_alone(
    tmp_path: Path, digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine.itr"
    mine.write_text("mine")
    model, calib = digits / "digits96_float.tflite", digits / "calib.npz"
    code, _, err = outcome(capsys, "quantize", model, "--calib", calib, "-o", mine, "-q")
    assert code == 2
    assert "was not made by Intarsia" in err
    assert mine.read_text() == "mine"


def test_integers_need_a_meaning(digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, data = digits / "digits96_int8.tflite", digits / "test.npz"
    code, out, err = outcome(capsys, "profile", model, "-b", "host", "--data", data, "-q")
    assert (code, out) == (2, "")
    assert "--input-scale" in err


def test_budgets_are_checked_before_the_build(digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = digits / "digits96_int8.tflite"
    code, out, err = outcome(capsys, "profile", model, "-b", "host", "--ram", "64K", "--patches", "off", "-q")
    assert (code, out) == (3, "")
    assert "the budget is 65,536" in err
    assert "narrow24_expand" in err


def test_boards_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = outcome(capsys, "boards", "--json")
    document = json.loads(out)
    assert (code, err, document["schema"], document["schema_version"]) == (0, "", "intarsia.boards", 1)
    assert [board["name"] for board in document["boards"]] == list(boards.names())


def test_devices_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = outcome(capsys, "devices", "--json")
    document = json.loads(out)
    assert (code, document["schema"]) == (0, "intarsia.devices")
    assert isinstance(document["ports"], list)


def test_doctor_names_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    code, out, err = outcome(capsys, "doctor", "--board", "qemu-cortex-m4", "--json")
    document = json.loads(out)
    missing = {check["name"]: check["install"] for check in document["checks"] if check["found"] is None}
    assert code == 4
    assert not document["ok"]
    assert "apt-get install" in missing["arm-none-eabi-gcc"]
    assert "apt-get install" in missing["qemu-system-arm"]
    assert "arm-none-eabi-gcc" in err


def test_doctor_with_nothing_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every program that something needs is named, with the command that installs it."""
    from intarsia import build, stack, toolchain
    from intarsia.runners import find_runner

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    code, out, err = outcome(capsys, "doctor")
    assert code == 4
    needed = {"cmake", "ninja"}
    for name in boards.names():
        board = boards.load(name)
        needed |= {program for program, _ in toolchain.needs(board)}
        needed |= {tool.program for tool in find_runner(board.runner.kind).tools(board)}
        needed.add(stack.DISASSEMBLERS[board.target.arch][0])
    lines = {words[0]: words[1:] for line in out.splitlines() if (words := line.split())}
    for program in sorted(needed):
        said = " ".join(lines[program])
        assert said.startswith(("MISSING ", "not there ")), said
        assert any(install in said for install in ("apt-get install", "pip install")), said
    assert {"arm-none-eabi-gcc", "qemu-system-arm", "clang-19"} <= needed
    assert "arm-none-eabi-gcc" in err
    with pytest.raises(EnvironmentMissing):
        build.tool("cmake")


@pytest.mark.emulator
def test_doctor_on_a_machine_with_everything(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = outcome(capsys, "doctor")
    assert (code, err) == (0, "")
    assert "MISSING" not in out


def test_analysis_of_the_example(digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = outcome(capsys, "analyze", digits / "digits96_int8.tflite", "--json")
    document = json.loads(out)
    assert (code, document["supported"], document["macs"]) == (0, True, 7_565_312)
    assert document["arena"]["bytes"] >= document["arena"]["lower_bound"] >= 110_592
    assert len(document["layers"]) == 35


def test_analysis_lists_all_offenders(
    digits: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from intarsia import ops

    known = {name: operator for name, operator in ops.registry().items() if name not in ("ADD", "SOFTMAX")}
    monkeypatch.setattr(ops, "registry", lambda: known)
    code, out, err = outcome(capsys, "analyze", digits / "digits96_int8.tflite", "--json")
    document = json.loads(out)
    assert code == 2
    assert {layer["op"] for layer in document["layers"] if layer["fault"]} == {"ADD", "SOFTMAX"}
    assert "6 of 35 layers" in err


def test_operators_and_their_types(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = outcome(capsys, "analyze", "--operators", "--json")
    known = {entry["name"]: entry["types"] for entry in json.loads(out)["operators"]}
    assert code == 0
    assert {"int8", "float32"} <= set(known["CONV_2D"])
    assert all(known.values())


def test_quantized_models_keep_their_rule(
    digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from intarsia import modelfile, pipeline

    graph = pipeline.load_model(digits / "digits96_int8.tflite", rule="litert")
    modelfile.save(graph, tmp_path / "m.itr")
    code, _, err = outcome(capsys, "analyze", tmp_path / "m.itr", "--reference", "tflm")
    assert code == 2
    assert "follows rule 'litert', not 'tflm'" in err
    assert outcome(capsys, "analyze", tmp_path / "m.itr", "--reference", "litert")[0] == 0


def test_quantized_models_are_not_quantized_again(
    digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, calib = digits / "digits96_int8.tflite", digits / "calib.npz"
    code, _, err = outcome(capsys, "quantize", model, "--calib", calib, "-o", tmp_path / "m.itr", "-q")
    assert code == 2
    assert "no float weights" in err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StageError("a"), 1),
        (UsageError("a"), 2),
        (ModelError("a"), 2),
        (BudgetError("a"), 3),
        (EnvironmentMissing("a"), 4),
        (KeyboardInterrupt(), 130),
        (RuntimeError("a"), 1),
    ],
)
def test_exit_codes(error: BaseException, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    with _failure.reported() as outcome_:
        raise error
    assert outcome_.code == code
    assert capsys.readouterr().err.startswith("error: ")


def test_unexpected_errors_have_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    with _failure.reported() as outcome_:
        raise ZeroDivisionError("oh")
    err = capsys.readouterr().err
    assert outcome_.code == 1
    assert err.startswith("error: internal: ZeroDivisionError: oh\nhint: ")
    assert "-v" in err


def test_names_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with _failure.reported():
        raise UsageError("layer '\x1b[2J\x07'", hint="\x1b]0;x\x07")
    assert "\x1b" not in capsys.readouterr().err


def test_a_closed_pipe_is_no_crash() -> None:
    command = f"{sys.executable} -c 'from intarsia.cli.app import main; main()' boards | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr


def test_no_colour_without_a_terminal() -> None:
    assert "\x1b" not in program("profle").stderr


def test_text_survives_ascii_terminals() -> None:
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = program("boards", "qemu-cortex-m4", env=environment)
    assert done.returncode == 0
    done = program("profile", "/no/modèle", "-b", "host", env=environment)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_shell_completion_offers_verbs_and_boards() -> None:
    def words(line: str) -> list[str]:
        environment = {**os.environ, "_INTARSIA_COMPLETE": "complete_bash", "COMP_WORDS": line}
        environment["COMP_CWORD"] = str(len(line.split(" ")) - 1)
        return program(env=environment).stdout.split()

    assert words("intarsia pro") == ["profile"]
    assert "qemu-cortex-m4" in words("intarsia profile --board qemu")


@pytest.mark.parametrize(
    ("text", "value"), [("65536", 65536), ("64K", 65536), ("64k", 65536), ("1.5M", 1572864), ("2MB", 2097152)]
)
def test_sizes(text: str, value: int) -> None:
    assert _quantizing.size(text, "--ram") == value


@pytest.mark.parametrize("text", ["", "K", "-1", "1e3", "64 G", "0", "0x10", "9" * 30])
def test_no_sizes(text: str) -> None:
    with pytest.raises(UsageError, match="is not a size"):
        _quantizing.size(text, "--ram")


def test_public_names_exist() -> None:
    import intarsia

    for name in intarsia.__all__:
        assert getattr(intarsia, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = intarsia.nothing


def test_float_models_are_seen_to_be_float(digits: Path) -> None:
    from intarsia import pipeline

    graph: Graph = pipeline.load_model(digits / "digits96_float.tflite")
    assert pipeline.needs_quantization(graph)
    assert not pipeline.needs_quantization(pipeline.load_model(digits / "digits96_int8.tflite"))
