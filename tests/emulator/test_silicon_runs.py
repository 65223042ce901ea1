# SPDX-License-Identifier: Apache-2.0
"""Runs over a serial port that go wrong: each way has a name and a bound, and what was measured is kept."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from intarsia import boards, device, devices
from intarsia.cli import app
from intarsia.device import Device, Inference
from intarsia.journal import Journal
from support.faults import FaultyCable
from support.firmware import compile_firmware
from support.ptys import Pty

SAMPLES = 6


@pytest.fixture(scope="module")
def project(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example network for this computer, built; it stands in for a board at a port."""
    folder = tmp_path_factory.mktemp("project") / "fw"
    model = str(digits / "digits96_int8.tflite")
    assert app.run(["generate", model, "-b", "host", "-o", str(folder), "-q"]) == 0
    assert app.run(["build", str(folder), "-q"]) == 0
    return folder


class Board:
    """A port, and what answers behind it: a function of what it reads, None to stay silent."""

    def __init__(self, port: Path, answer: Callable[[bytes], bytes] | None) -> None:
        self.pty = Pty(port)
        self._answer, self._stop = answer, threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                data = os.read(self.pty.master, 4096)
            except OSError:
                time.sleep(0.005)
                continue
            if self._answer is not None:
                os.write(self.pty.master, self._answer(data))

    def close(self) -> None:
        self._stop.set()
        self._thread.join(5)
        self.pty.close()


Start = Callable[[Callable[[bytes], bytes] | None], Path]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    made: list[Board] = []

    def board(answer: Callable[[bytes], bytes] | None) -> Path:
        made.append(Board(tmp_path / "port", answer))
        return made[-1].pty.port

    yield board
    for one in made:
        one.close()


@pytest.fixture
def cable(tmp_path: Path) -> Iterator[Callable[[Path], Path]]:
    made: list[FaultyCable] = []

    def connect(elf: Path) -> Path:
        made.append(FaultyCable([str(elf)], tmp_path / "port", {}, seed=1))
        return tmp_path / "port"

    yield connect
    for one in made:
        one.close()


def outcome(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = app.run([*map(str, arguments), "-q"])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize(
    ("answer", "error", "hint"),
    [
        (None, "did not answer HELLO within 0.5 s: nothing arrived", "is this its port?"),
        (lambda data: b"Hello from Zephyr\r\n", "did not answer HELLO", "prints 'Hello from Zephyr"),
        (lambda data: b"\xf8\x00\x80\xfe\x00" * 9, "no undamaged answer to HELLO", "baud rate may be wrong"),
        (lambda data: b"\xf8\x80\xfe" * 9, "did not answer HELLO", "baud rate may be wrong"),
        (lambda data: data, "did not answer HELLO within 0.5 s", "hang"),
    ],
    ids=["dead", "text", "noise", "noise without zeros", "echo"],
)
def test_what_does_not_answer_is_named(
    answer: Callable[[bytes], bytes] | None,
    error: str,
    hint: str,
    project: Path,
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(device, "HELLO_SECONDS", 0.5)
    begun = time.monotonic()
    code, out, err = outcome(capsys, "run", project, "--port", start(answer))
    assert (code, out) == (1, "")
    assert error in err
    assert hint in err
    assert time.monotonic() - begun < 20  # the build's check included
    assert not (project / "run.journal").exists()


def test_ports_that_cannot_be_had(
    project: Path, start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = outcome(capsys, "run", project, "--port", tmp_path / "none")
    assert code == 4
    assert "there is no port" in err
    from intarsia.runners._serial import SerialLink

    port = start(None)
    other = SerialLink(str(port), 115200)
    code, _, err = outcome(capsys, "run", project, "--port", port)
    assert code == 1
    assert "is busy" in err
    other.close()


def test_another_firmware_is_named(
    project: Path,
    tmp_path: Path,
    cable: Callable[[Path], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = compile_firmware(boards.load("host"), tmp_path / "other")
    code, _, err = outcome(capsys, "run", project, "--port", cable(other))
    assert code == 1
    assert "the device runs another model (runtime_test" in err
    assert "`intarsia flash`" in err


def test_the_same_model_for_another_board_is_named(
    project: Path,
    cable: Callable[[Path], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = json.loads((project / "intarsia.json").read_text())
    other = tmp_path / "fw"
    (other / "build").mkdir(parents=True)
    (other / "intarsia.json").write_text(json.dumps({**document, "board": "qemu-cortex-m4", "link": "uart"}))
    from intarsia import measure
    from intarsia.build import open_project
    from intarsia.errors import StageError
    from intarsia.runners import Place

    link = measure.connect(open_project(other), Place(port=str(cable(project / "build" / "firmware.elf"))))
    with pytest.raises(StageError, match="runs firmware for host, not for qemu-cortex-m4"):
        measure.check_identity(Device(link).hello(), open_project(other))
    link.close()


def stop_after(count: int, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Makes the device fail after some inferences; returns the list of inputs that were run."""
    seen: list[bytes] = []
    real = Device.infer

    def infer(self: Device, inputs: bytes) -> Inference:
        if len(seen) == count:
            raise error
        seen.append(inputs)
        return real(self, inputs)

    monkeypatch.setattr(Device, "infer", infer)
    return seen


@pytest.mark.parametrize("interrupted", [True, False], ids=["interrupted", "failed"])
def test_an_interrupted_run_is_resumed(
    interrupted: bool,
    project: Path,
    digits: Path,
    cable: Callable[[Path], Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from intarsia.errors import StageError

    data = ("--input-scale", "0.0039215686", "--samples", SAMPLES)
    samples = ("--inputs", digits / "test.npz", *data)

    def run(*arguments: object, code: int = 0) -> Any:
        got, out, err = outcome(capsys, "run", project, *samples, *arguments, "--json")
        assert got == code, err
        return json.loads(out) if code == 0 else err

    whole = run()
    assert "there is no interrupted run" in run("--resume", code=2)
    port = ("--port", cable(project / "build" / "firmware.elf"))
    with monkeypatch.context() as patch:
        stop_after(4, KeyboardInterrupt() if interrupted else StageError("broken"), patch)
        err = run(*port, code=130 if interrupted else 1)
    assert ("interrupted after 4 of 6 samples" if interrupted else "broken") in err
    assert "4 of 6 answers are kept" in err
    assert "--resume" in err

    journal = project / "run.journal"
    lines = journal.read_text().splitlines()
    journal.write_text("\n".join([*lines[:-1], lines[-1][:50]]))  # the last line was cut short
    other = ("--inputs", digits / "test.npz", *data[:-1], SAMPLES - 1)
    code, _, err = outcome(capsys, "run", project, *other, "--resume")
    assert code == 2
    assert "of another firmware or other samples" in err

    with monkeypatch.context() as patch:
        seen = stop_after(-1, KeyboardInterrupt(), patch)
        resumed = run(*port, "--resume")
    assert len(seen) == SAMPLES - 3
    assert resumed["outputs"] == whole["outputs"]
    assert not journal.exists()


def test_an_interrupted_profile_keeps_its_project(
    digits: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    data = ("--data", digits / "test.npz", "--input-scale", "0.0039215686", "--samples", SAMPLES)
    with monkeypatch.context() as patch:
        stop_after(3, KeyboardInterrupt(), patch)
        code, _, err = outcome(capsys, "profile", digits / "digits96_int8.tflite", "-b", "host", *data)
    assert code == 130
    (folder,) = tmp_path.glob("intarsia-*/fw")
    assert f"`intarsia validate {folder}`" in err
    code, out, err = outcome(capsys, "validate", folder, *data, "--resume", "--bit-exact")
    assert code == 0, err
    assert f"{SAMPLES} samples" in out


@pytest.mark.emulator
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_profile_is_resumed_by_the_same_command(
    how: signal.Signals,
    digits: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """Also when it had no time to say goodbye: every answer is in the journal when it is there."""
    samples = 40
    data = ("--data", digits / "test.npz", "--input-scale", "0.0039215686", "--samples", samples)
    model, out = digits / "digits96_int8.tflite", tmp_path / "run"
    command = ("profile", model, "-b", "qemu-cortex-m4", *data, "-o", out)
    start = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "  # ignored in background jobs
        "from intarsia.cli.app import main; main()"
    )
    program = [sys.executable, "-c", start, *map(str, command), "-q"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(program, env=environment, stderr=subprocess.PIPE, text=True) as process:
        while not (found := list(tmp_path.glob("intarsia-*/fw/run.journal"))) or (
            len(found[0].read_text().splitlines()) < 4
        ):
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(how)
        _, said = process.communicate(timeout=30)
    kept = len(found[0].read_text().splitlines()) - 1
    assert 3 <= kept < samples
    if how == signal.SIGINT:
        assert f"{kept} of {samples} answers are kept: the same command with --resume goes on" in said
    assert not out.exists()

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with monkeypatch.context() as patch:
        seen = stop_after(-1, KeyboardInterrupt(), patch)
        code, _, err = outcome(capsys, *command, "--resume")
    assert code == 0, err
    assert samples - kept <= len(seen) <= samples - kept + 1  # the kill may have cut the last line
    document = json.loads((out / "run.json").read_text())
    assert (document["accuracy"]["samples"], document["reference"]["mismatched_outputs"]) == (samples, 0)
    assert not list(tmp_path.glob("intarsia-*/fw"))
    code, _, err = outcome(capsys, *command, "--resume")
    assert code == 2
    assert "there is no interrupted run of this firmware on these samples" in err


def test_answers_of_a_run_that_goes_on_are_left_alone(tmp_path: Path) -> None:
    answer = Inference(b"x", (1, 2), 3)
    for name in ("here", "other"):
        (tmp_path / name).mkdir()
    other, here = (Journal(tmp_path / name, "key", 2) for name in ("other", "here"))
    other.begin({0: answer})
    assert here.adopt([other.file]) is None
    other.close()
    assert Journal(tmp_path / "here", "another key", 2).adopt([other.file]) is None
    assert here.adopt([other.file]) == other.file
    assert here.kept() == {0: answer}


@pytest.mark.emulator
def test_an_emulator_that_never_answers(
    digits: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tools, project = tmp_path / "tools", tmp_path / "fw"
    tools.mkdir()
    (tools / "qemu-system-arm").write_text("#!/bin/sh\nexec sleep 60\n")
    (tools / "qemu-system-arm").chmod(0o755)
    model = digits / "digits96_int8.tflite"
    assert outcome(capsys, "generate", model, "-b", "qemu-cortex-m4", "-o", project)[0] == 0
    assert outcome(capsys, "build", project)[0] == 0
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setattr(device, "HELLO_SECONDS", 0.5)
    begun = time.monotonic()
    code, _, err = outcome(capsys, "run", project)
    assert code == 1
    assert "did not answer HELLO within 0.5 s: nothing arrived" in err
    assert time.monotonic() - begun < 20


def test_profile_flashes_then_measures(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A board that is flashed by a stub of pyOCD: it hands the firmware to this test, which runs it at a port."""
    board, tools, flashed = tmp_path / "boards" / "my-board", tmp_path / "tools", tmp_path / "flashed.elf"
    for folder in (board, tools):
        folder.mkdir(parents=True)
    text = (boards.folders()["host"] / "board.toml").read_text().replace('"host"', '"my-board"', 1)
    text = text.replace('verified = "host"', 'verified = "built"')
    (board / "board.toml").write_text(text.replace('kind = "host"', 'kind = "pyocd"\ntarget = "nrf52840"'))
    port = tmp_path / "port"
    (tools / "pyocd").write_text(
        f"#!/bin/sh\n[ $1 = load ] || exit 1\ncp firmware.elf {flashed}.new && mv {flashed}.new {flashed}\n"
        f"for i in 1 2 3 4 5 6 7 8 9 10; do [ -e {port} ] && exit 0; sleep 0.5; done; exit 1\n"
    )
    (tools / "pyocd").chmod(0o755)
    monkeypatch.setenv("INTARSIA_BOARDS", str(tmp_path / "boards"))
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setattr(devices, "probes", lambda: (devices.Probe("P1", "probe"),))
    cables: list[FaultyCable] = []

    def run_when_flashed() -> None:
        while not flashed.exists():
            time.sleep(0.05)
        flashed.chmod(0o755)
        cables.append(FaultyCable([str(flashed)], port, {}, seed=1))

    threading.Thread(target=run_when_flashed, daemon=True).start()
    data = ("--data", digits / "test.npz", "--input-scale", "0.0039215686", "--samples", SAMPLES)
    model = digits / "digits96_int8.tflite"
    code, out, err = outcome(capsys, "profile", model, "-b", "my-board", *data, "--port", port, "--json")
    for cable in cables:
        cable.close()
    assert code == 0, err
    run = json.loads(out)
    assert (run["board"], run["reference"]["mismatched_outputs"]) == ("my-board", 0)
    assert run["accuracy"]["samples"] == SAMPLES
