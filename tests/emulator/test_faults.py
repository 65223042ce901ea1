# SPDX-License-Identifier: Apache-2.0
"""Thousands of exchanges through a cable that damages frames: no wrong or missing result, and every fault counted."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from intarsia import boards
from intarsia.cli import app
from intarsia.device import Device
from intarsia.errors import StageError
from intarsia.runners._serial import SerialLink
from support.faults import RESET, UNPLUG, WAYS, FaultyCable
from support.firmware import DATA_BYTES, compile_firmware, expected_outputs

EXCHANGES, RATE = 10_000, 0.01
SAMPLES = 30
BAUD = 4_000_000  # only for the time that bytes are thought to take; a pseudo terminal has no speed


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_firmware(boards.load("host"), tmp_path_factory.mktemp("host"))


class Bench:
    """A device behind a faulty cable, and a count of what its model must have seen."""

    def __init__(self, cable: FaultyCable, port: Path, patience: float = 0.01) -> None:
        self.cable = cable
        self.device = Device(SerialLink(str(port), BAUD), timeout=20, patience=patience)
        self.device.hello()
        self._runs, self._resets = 0, 0

    def exchange(self, numbers: random.Random) -> None:
        """One inference, whose outputs show that the model ran once: again from 1 only after a reset."""
        data = numbers.randbytes(DATA_BYTES)
        outputs = self.device.infer(data + b"\0").outputs
        resets = self.device.statistics.resets
        self._runs = 1 if resets != self._resets else self._runs + 1
        self._resets = resets
        assert outputs == expected_outputs(data, self._runs)
        self.cable.settled()


@pytest.fixture
def cables() -> Iterator[list[FaultyCable]]:
    made: list[FaultyCable] = []
    yield made
    for cable in made:
        cable.close()


def test_ten_thousand_exchanges(firmware: Path, tmp_path: Path, cables: list[FaultyCable]) -> None:
    port = tmp_path / "port"
    rates = dict.fromkeys((*WAYS, RESET, UNPLUG), RATE)
    cables.append(FaultyCable([str(firmware)], port, rates, seed=1))
    bench, numbers = Bench(cables[0], port), random.Random(2)
    for _ in range(EXCHANGES):
        bench.exchange(numbers)
    injected, found = cables[0].injected, bench.device.statistics
    print(f"\ninjected {dict(injected)}\nfound {dict(found.faults)}")
    assert all(injected[way] > EXCHANGES * RATE for way in rates)
    assert found.faults.total() >= injected.total()


def test_a_stateful_model_does_not_survive_a_reset(
    firmware: Path, tmp_path: Path, cables: list[FaultyCable]
) -> None:
    cables.append(FaultyCable([str(firmware)], tmp_path / "port", {RESET: 0.02}, seed=8))
    device = Device(SerialLink(str(tmp_path / "port"), BAUD), timeout=20, patience=0.01, stateful=True)
    device.hello()

    def run_on() -> None:
        for _ in range(200):
            device.infer(bytes(DATA_BYTES + 1))

    with pytest.raises(StageError, match="the states that runtime_test keeps between samples"):
        run_on()


@pytest.mark.parametrize("way", [*WAYS, RESET, UNPLUG])
def test_each_fault_is_counted(way: str, firmware: Path, tmp_path: Path, cables: list[FaultyCable]) -> None:
    port = tmp_path / "port"
    cables.append(FaultyCable([str(firmware)], port, {way: 0.1}, seed=3, apart=True))
    bench, numbers = Bench(cables[0], port), random.Random(4)
    for _ in range(150):
        before, faults = cables[0].injected.total(), bench.device.statistics.faults.total()
        bench.exchange(numbers)
        injected = cables[0].injected.total() - before
        counted = bench.device.statistics.faults.total() - faults
        assert injected <= counted or way == "twice"
    assert cables[0].injected[way] > 10
    assert bench.device.statistics.faults.total() >= cables[0].injected[way] - 1


@pytest.mark.parametrize(
    "noise", [b"\x7f", bytes(range(1, 256)), b"boot: v1.2\r\n\0\0", bytes(5000), b"\xff" * 9000]
)
def test_garbage_before_the_first_frame(
    noise: bytes, firmware: Path, tmp_path: Path, cables: list[FaultyCable]
) -> None:
    """What a boot loader prints, or a line that floats before the UART is set up, both ways."""
    port = tmp_path / "port"
    cables.append(FaultyCable([str(firmware)], port, {}, seed=9))
    cables[0].mutter(noise)
    link = SerialLink(str(port), BAUD)
    link.write(noise, 2.0)
    device = Device(link, timeout=20, patience=0.2)
    assert device.hello().model == "runtime_test"
    data = random.Random(10).randbytes(DATA_BYTES)
    assert device.infer(data + b"\0").outputs == expected_outputs(data, 1)
    if any(noise):
        assert device.statistics.faults.total() > 0


def test_a_good_cable_has_no_faults(firmware: Path, tmp_path: Path, cables: list[FaultyCable]) -> None:
    cables.append(FaultyCable([str(firmware)], tmp_path / "port", {}, seed=5))
    bench, numbers = Bench(cables[0], tmp_path / "port", patience=1.0), random.Random(6)
    for _ in range(300):
        bench.exchange(numbers)
    assert bench.device.statistics.faults.total() == 0
    assert bench.device.statistics.sent == 301


@pytest.mark.data
@pytest.mark.emulator
def test_keyword_spotting_over_a_faulty_uart(
    data: Path, tmp_path: Path, cables: list[FaultyCable], capsys: pytest.CaptureFixture[str]
) -> None:
    """`profile` over the emulated UART, through the cable, gives what it gives through semihosting."""
    model, board = data / "models" / "kws_dscnn_int8.tflite", boards.load("qemu-cortex-m4")
    samples = ("--data", data / "datasets" / "kws01" / "test.npz", "--samples", SAMPLES)

    def call(*arguments: object) -> None:
        assert app.run([*map(str, arguments), "-q"]) == 0, capsys.readouterr().err

    call("profile", model, "-b", board.name, *samples, "-o", tmp_path / "plain")
    call("generate", model, "-b", board.name, "--link", "uart", "-o", tmp_path / "fw")
    call("build", tmp_path / "fw")
    machine = ["qemu-system-arm", "-M", "mps2-an386", "-display", "none", "-monitor", "none"]
    machine += ["-icount", "shift=8", "-semihosting-config", "enable=on,target=native", "-serial", "stdio"]
    machine += ["-kernel", str(tmp_path / "fw" / "build" / "firmware.elf")]
    cables.append(FaultyCable(machine, tmp_path / "port", dict.fromkeys(WAYS, RATE), seed=7))
    where = ("--link", "uart", "--port", tmp_path / "port")
    call("profile", model, "-b", board.name, *samples, *where, "-o", tmp_path / "faulty")

    plain, faulty = (json.loads((tmp_path / name / "run.json").read_text()) for name in ("plain", "faulty"))
    print(f"\ninjected {dict(cables[0].injected)}\nfound {faulty['device']['damaged_frames']}")
    assert sum(faulty["device"]["damaged_frames"].values()) >= cables[0].injected.total() > 0
    assert plain["device"]["damaged_frames"] == {}
    for key in ("accuracy", "reference"):
        assert faulty[key] == plain[key]
    with np.load(tmp_path / "plain" / "outputs.npz") as a, np.load(tmp_path / "faulty" / "outputs.npz") as b:
        assert np.array_equal(a["output_0"], b["output_0"])
