# SPDX-License-Identifier: Apache-2.0
"""Firmware for the runner of MLPerf Tiny, asked over the emulated UART as that runner asks."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import serial

from intarsia import exactness, modelfile
from intarsia.cli import app
from intarsia.ir import Graph
from support.faults import FaultyCable

BYTES_PER_COMMAND = 31
TIMEOUT = 20.0


class Runner:
    """Sends commands that end in '%' and takes lines until one is "m-ready"."""

    def __init__(self, port: Path) -> None:
        self._port = serial.Serial(str(port), 115200, timeout=0.1)
        greeting, deadline = b"", time.monotonic() + 1.0
        # It may have come too early to be heard; the end of its line belongs to it.
        while b"\n" not in greeting.partition(b"m-ready")[2] and time.monotonic() < deadline:
            greeting += self._port.read(max(1, self._port.in_waiting))

    def command(self, text: str) -> list[str]:
        self._port.write(f"{text}%".encode())
        lines, pending, deadline = list[str](), b"", time.monotonic() + TIMEOUT
        while "m-ready" not in lines:
            assert time.monotonic() < deadline, (text, lines)
            pending += self._port.read(max(1, self._port.in_waiting))
            *whole, pending = pending.split(b"\n")
            lines += [line.decode("ascii").strip() for line in whole]
        return lines[:-1]

    def load(self, data: bytes) -> list[str]:
        answer = self.command(f"db load {len(data)}")
        assert answer == [f"m-[Expecting {len(data)} bytes]"]
        for start in range(0, len(data), BYTES_PER_COMMAND):
            answer = self.command(f"db {data[start : start + BYTES_PER_COMMAND].hex()}")
        return answer

    def close(self) -> None:
        self._port.close()


Start = Callable[[str, str], tuple[Runner, Graph]]


@pytest.fixture
def start(data: Path, tmp_path: Path) -> Iterator[Start]:
    made: list[Runner | FaultyCable] = []

    def run(model: str, benchmark: str) -> tuple[Runner, Graph]:
        folder, board = tmp_path / "fw", "qemu-cortex-m4"
        options = ["--harness", "mlperf-tiny", "--benchmark", benchmark, "-o", str(folder), "-q"]
        assert app.run(["generate", str(data / "models" / model), "-b", board, *options]) == 0
        assert app.run(["build", str(folder), "-q"]) == 0
        machine = ["qemu-system-arm", "-M", "mps2-an386", "-display", "none", "-monitor", "none"]
        machine += [
            "-icount",
            "shift=8",
            "-serial",
            "stdio",
            "-kernel",
            str(folder / "build" / "firmware.elf"),
        ]
        made.append(FaultyCable(machine, tmp_path / "port", {}, seed=1))
        made.append(Runner(tmp_path / "port"))
        assert isinstance(made[-1], Runner)
        return made[-1], modelfile.load(folder / "model.itr")

    yield run
    for one in reversed(made):
        one.close()


def dequantized(graph: Graph, sample: np.ndarray) -> np.ndarray:
    """The reference's output of one sample, in real units."""
    _, outputs = exactness.reference(graph, [[sample]], "intarsia")
    quant = graph.tensor(graph.outputs[0]).quant
    assert quant is not None
    values: np.ndarray = (outputs[0][0].astype(np.float64) - quant.zero_point[0]) * quant.scale[0]
    return values.reshape(-1)


def results(lines: list[str]) -> list[float]:
    match = re.fullmatch(r"m-results-\[([-0-9.,]+)\]", lines[-1])
    assert match is not None, lines
    return [float(value) for value in match[1].split(",")]


@pytest.mark.data
@pytest.mark.emulator
def test_keyword_spotting(start: Start, data: Path) -> None:
    runner, graph = start("kws_dscnn_int8.tflite", "kws01")
    assert runner.command("name")[-1] == "m-name-dut-[Intarsia qemu-cortex-m4]"
    assert runner.command("profile") == ["m-profile-[MLPerf Tiny Firmware V0.1.0]", "m-model-[kws01]"]
    assert "infer N [W]" in runner.command("help")[0]
    with np.load(data / "datasets" / "kws01" / "test.npz") as arrays:
        sample = arrays["x"][3].reshape(graph.tensor(graph.inputs[0]).shape).astype(np.int8)
    assert runner.load(sample.tobytes())[-1] == "m-load-done"
    shown = "".join(line.removeprefix("m-buffer-") for line in runner.command("db print"))
    assert bytes.fromhex(shown.replace("-", "")) == sample.tobytes()

    lines = runner.command("infer 3 1")
    assert [line for line in lines if "lap" not in line][:-1] == [
        *("m-warmup-start-1", "m-warmup-done", "m-infer-start-3", "m-infer-done")
    ]
    begun, ended = (int(line.removeprefix("m-lap-us-")) for line in lines if "lap" in line)
    assert 3 * 200_000 < ended - begun < 3 * 2_000_000  # 2.5 million instructions of 256 ns each, emulated
    expected = dequantized(graph, sample)
    assert np.abs(np.array(results(lines)) - expected).max() <= 0.00051
    assert results(runner.command("results")) == results(lines)


@pytest.mark.data
@pytest.mark.emulator
def test_anomaly_detection(start: Start) -> None:
    runner, graph = start("ad_autoencoder_int8.tflite", "ad01")
    tensor = graph.tensor(graph.inputs[0])
    assert tensor.quant is not None
    numbers = np.random.default_rng(1)
    values = numbers.uniform(-2, 2, 640).astype(np.float32)
    assert runner.load(values.tobytes())[-1] == "m-load-done"
    scaled = values / np.float32(tensor.quant.scale[0]) + np.float32(tensor.quant.zero_point[0])
    sample = np.clip(np.trunc(scaled + np.copysign(np.float32(0.5), scaled)), -128, 127).astype(np.int8)
    difference = dequantized(graph, sample.reshape(tensor.shape)) - values
    (found,) = results(runner.command("infer 1 0"))
    assert found == pytest.approx(float(np.mean(difference**2)), abs=0.001)


@pytest.mark.data
@pytest.mark.emulator
def test_mistakes_of_the_other_side(start: Start) -> None:
    runner, _ = start("kws_dscnn_int8.tflite", "kws01")
    for command, answer in (
        ("nonsense", "e-[Unknown command: nonsense]"),
        ("db", "e-[Command 'db' requires a subcommand]"),
        ("db load 0", "e-[Command 'db load' must be >0 bytes]"),
        ("db load 491", "e-[This model takes 490 bytes]"),
        ("infer 0", "e-[Inference iterations must be >0]"),
        ("infer 1 -1", "e-[Inference warmup must be >=0]"),
        ("x" * 500, f"e-[Unknown command: {'x' * 160}]"),
    ):
        assert runner.command(command)[-1] == answer
    assert runner.command("db load 2") == ["m-[Expecting 2 bytes]"]
    assert runner.command("db 0g") == ["e-[Invalid hex digits]"]
    assert runner.command("db 012") == ["e-[Invalid hex digits]"]
    assert runner.command("db abCDef") == ["m-load-done"]
    assert runner.command("db ff") == []


def test_what_does_not_go_with_a_harness(
    digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*arguments: object, code: int = 2) -> str:
        got = app.run([*map(str, arguments), "-q"])
        err = capsys.readouterr().err
        assert got == code, err
        return err

    out = ("-o", tmp_path / "fw")
    model, harness = digits / "digits96_int8.tflite", ("--harness", "mlperf-tiny")
    assert "go together" in refused("generate", model, "-b", "host", *harness, *out)
    assert "'mlperf'" in refused("generate", model, "-b", "host", "--harness", "mlperf", *out)
    kws = (*harness, "--benchmark", "kws01")
    assert "has no clock" in refused("generate", model, "-b", "host", *kws, *out)
    both = (*harness, "--benchmark", "ad01")
    assert "compares input and output" in refused("generate", model, "-b", "nucleo-f446re", *both, *out)
    floats = digits / "digits96_float.tflite"
    assert "one int8 input" in refused("generate", floats, "-b", "nucleo-h743zi2", *kws, *out)


@pytest.mark.emulator
def test_our_host_does_not_speak_it(digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--harness", "mlperf-tiny", "--benchmark", "ic01", "-o", str(tmp_path / "fw"), "-q")
    assert app.run(["generate", str(digits / "digits96_int8.tflite"), "-b", "qemu-cortex-m4", *options]) == 0
    capsys.readouterr()
    assert app.run(["run", str(tmp_path / "fw"), "-q"]) == 2
    assert "speaks the protocol of mlperf-tiny" in capsys.readouterr().err
