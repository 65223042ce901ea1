# SPDX-License-Identifier: Apache-2.0
"""`intarsia monitor`: attaches to a running board without disturbing it, and shows what it does as it does it."""

from __future__ import annotations

import contextlib
import io
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from intarsia import boards, device, monitor
from intarsia.cli import app
from intarsia.device import Device
from intarsia.report import live
from intarsia.runners._serial import SerialLink
from support.faults import FaultyCable
from support.firmware import DATA_BYTES, compile_firmware, expected_outputs
from support.ptys import Pty

FAST = ("--interval", "0.05")


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_firmware(boards.load("host"), tmp_path_factory.mktemp("host"))


@pytest.fixture
def port(firmware: Path, tmp_path: Path) -> Iterator[Path]:
    """Where a firmware runs that has computed three times."""
    cable = FaultyCable([str(firmware)], tmp_path / "port", {}, seed=1)
    with contextlib.closing(SerialLink(str(tmp_path / "port"), 115200)) as link:
        worker = Device(link)
        worker.hello()
        for _ in range(3):
            worker.infer(bytes(DATA_BYTES + 1))
    yield tmp_path / "port"
    cable.close()


def call(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> tuple[str, str]:
    got = app.run([*map(str, arguments), "-q"])
    out, err = capsys.readouterr()
    assert got == code, err
    return out, err


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_attaching_disturbs_nothing(port: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = events(call(capsys, "monitor", "--port", port, "--seconds", "0.2", "--stream", *FAST)[0])
    assert (lines[0]["event"], lines[0]["model"], lines[0]["board"]) == ("device", "runtime_test", "host")
    states = [line for line in lines if line["event"] == "status"]
    assert len(states) >= 2
    assert {(s["inferences"], s["damaged_frames"], s["stack_bytes"]) for s in states} == {(3, 0, None)}
    with contextlib.closing(SerialLink(str(port), 115200)) as link:
        again = Device(link)
        again.look()
        outputs = again.infer(bytes(DATA_BYTES + 1)).outputs
        assert outputs == expected_outputs(bytes(DATA_BYTES), 4)  # the session went on


def test_a_project_is_started_and_fed(
    digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tmp_path / "fw"
    call(capsys, "generate", digits / "digits96_int8.tflite", "-b", "host", "-o", project)
    call(capsys, "build", project)
    lines = events(call(capsys, "monitor", project, "--count", "10", "--stream", *FAST)[0])
    ran = [line for line in lines if line["event"] == "inference"]
    assert [line["sample"] for line in ran] == [*range(8), 0, 1]
    assert ran[0]["outputs"] == ran[8]["outputs"]
    assert lines[-1]["inferences"] == 10
    data = ("--inputs", digits / "test.npz", "--input-scale", "0.0039215686", "--samples", "3")
    text = call(capsys, "monitor", project, *data, "--count", "4", *FAST)[0]
    assert "10 bytes" not in text
    assert "digits96_int8 on host" in text
    assert "4 inferences from here" in text
    assert "it does not count what layers take" in text


@pytest.mark.emulator
def test_layers_of_an_emulated_board(
    digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tmp_path / "fw"
    call(capsys, "generate", digits / "digits96_int8.tflite", "-b", "qemu-cortex-m4", "-o", project)
    call(capsys, "build", project)
    text = call(capsys, "monitor", project, "--count", "2", *FAST)[0]
    assert "instructions, last" in text
    assert "CONV_2D" in text
    assert "100.0%" in text


def test_what_is_wrong_is_said(
    port: Path,
    tmp_path: Path,
    digits: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert "give a project" in call(capsys, "monitor", code=2)[1]
    assert "--inputs needs" in call(capsys, "monitor", "--port", port, "--inputs", port, code=2)[1]
    assert "there is no port" in call(capsys, "monitor", "--port", tmp_path / "none", code=4)[1]
    project = tmp_path / "fw"
    call(capsys, "generate", digits / "digits96_int8.tflite", "-b", "host", "-o", project)
    assert "runs another model" in call(capsys, "monitor", project, "--port", port, code=1)[1]
    monkeypatch.setattr(device, "HELLO_SECONDS", 0.3)
    silent = Pty(tmp_path / "silent")
    assert "nothing arrived" in call(capsys, "monitor", "--port", silent.port, code=1)[1]
    silent.close()


def test_ctrl_c_ends_it_well(port: Path) -> None:
    seen: list[str] = []

    def show(view: monitor.View, event: dict[str, Any]) -> None:
        seen.append(event["event"])
        if len(seen) > 3:
            raise KeyboardInterrupt

    with contextlib.closing(SerialLink(str(port), 115200)) as link:
        view = monitor.watch(Device(link), show, monitor.Limits(0.01))
    assert view.status is not None
    assert seen == ["device", "status", "status", "status"]


def test_the_table_on_a_terminal(port: Path) -> None:
    """Updated in place: what a terminal gets holds control sequences, and the latest figures."""
    from rich.live import Live

    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=100)
    with contextlib.closing(SerialLink(str(port), 115200)) as link, Live(console=terminal) as table:

        def show(view: monitor.View, event: dict[str, Any]) -> None:
            table.update(live.view(view))

        finished = threading.Event()
        monitor.watch(
            Device(link), show, monitor.Limits(0.01, inferences=5), payloads=[bytes(DATA_BYTES + 1)]
        )
        finished.set()
    text = screen.getvalue()
    assert "\x1b[" in text
    assert "5 inferences from here" in text
    assert "the device since its start, when last asked: 8 inferences, 0 damaged frames" in text


@pytest.fixture
def counted() -> Callable[[], monitor.View]:
    def make() -> monitor.View:
        from intarsia.wire import Identity

        identity = Identity(
            protocol=2,
            profiled=True,
            dumps=False,
            model_hash=bytes(16),
            ticks_per_unit=(1, 1),
            empty_mark_ticks=0,
            arena_bytes=1000,
            layer_count=2,
            input_bytes=(1,),
            output_bytes=(1,),
            model="m\x1b[31m",
            board="b",
            unit="cycles",
        )
        view = monitor.View(identity, [("CONV_2D", "first"), ("SOFTMAX", "last")])
        view.counts.extend([(10, 30), (12, 30), (11, 30)])
        return view

    return make


def test_rows_and_names_that_would_steer_a_terminal(counted: Callable[[], monitor.View]) -> None:
    view = counted()
    assert view.rows() == [(0, "CONV_2D", "first", 11, 11, 10, 12), (1, "SOFTMAX", "last", 30, 30, 30, 30)]
    screen = io.StringIO()
    Console(file=screen, width=100).print(live.view(view))
    text = screen.getvalue()
    assert "\x1b" not in text
    assert "cycles, last" in text
    assert "26.8%" in text
