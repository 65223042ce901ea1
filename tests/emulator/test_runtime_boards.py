# SPDX-License-Identifier: Apache-2.0
"""The runtime, its link and its counter on every board, with a model that is known to the instruction."""

from __future__ import annotations

import gc
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from intarsia import boards
from intarsia.boards import Board
from intarsia.device import Device
from intarsia.errors import StageError
from intarsia.runners import Link, find_runner
from intarsia.wire import Damage, FrameReceiver, Message, Nak, encode_frame
from support.firmware import DATA_BYTES, compile_firmware, expected_outputs

EMULATED = [name for name in boards.names() if boards.load(name).runner.kind in ("qemu", "verilator")]
ALL = [pytest.param("host"), *(pytest.param(name, marks=pytest.mark.emulator) for name in EMULATED)]
TWO = [pytest.param("host"), pytest.param("qemu-cortex-m4", marks=pytest.mark.emulator)]
UART = ["qemu-cortex-m0", "qemu-cortex-m4", "qemu-riscv32"]
KNOWN_COUNTS = {"instructions": 401, "cycles": 799}
"""Of layer 0; on CV32E40P an aligned branch that is taken takes 3 cycles, everything else here 1."""

HANG, BAD_ACCESS, STACK_OVERFLOW = 1, 2, 3

Build = Callable[..., Path]


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    built: dict[tuple[str, str, bool], Path] = {}

    def make(board: Board, profile: bool = True) -> Path:
        key = (board.name, board.target.link, profile)
        if key not in built:
            built[key] = compile_firmware(board, tmp_path_factory.mktemp(board.name), profile)
        return built[key]

    return make


@pytest.fixture
def start(build: Build) -> Iterator[Callable[..., Link]]:
    links: list[Link] = []

    def run(board: Board, profile: bool = True) -> Link:
        links.append(find_runner(board.runner.kind).open(build(board, profile), board))
        return links[-1]

    yield run
    for link in links:
        link.close(0.0)


def check_inferences(device: Device, count: int, seed: int) -> list[tuple[int, ...] | None]:
    numbers = random.Random(seed)
    layers = []
    for index in range(count):
        data = numbers.randbytes(DATA_BYTES) if index % 3 else bytes(DATA_BYTES)
        result = device.infer(data + b"\0")
        assert result.outputs == expected_outputs(data, index + 1)
        layers.append(result.layer_counts)
    return layers


@pytest.mark.parametrize("name", ALL)
def test_identity_inferences_and_exact_counts(name: str, start: Callable[..., Link]) -> None:
    board = boards.load(name)
    layers = []
    for _ in range(2):
        link = start(board)
        device = Device(link, timeout=20)
        identity = device.hello()
        assert (identity.model, identity.board, identity.unit) == ("runtime_test", name, board.counter.unit)
        assert identity.model_hash == bytes(range(16))
        assert identity.input_bytes == (DATA_BYTES, 1)
        assert identity.output_bytes == (DATA_BYTES, 4)
        assert (identity.layer_count, identity.arena_bytes, identity.profiled) == (2, 1536, True)
        layers.append(check_inferences(device, 200, seed=1))
        stack = device.infer(bytes(DATA_BYTES + 1)).stack_bytes
        assert stack is None if name == "host" else 64 < (stack or 0) < 512
        assert device.statistics.damaged.total() == 0
        device.exit(17)
        assert link.close() == 17
    assert layers[0] == layers[1]
    assert len(set(layers[0])) == 1
    counts = layers[0][0]
    if board.counter.unit == "none":
        assert counts is None
    else:
        assert counts is not None
        assert counts[0] == KNOWN_COUNTS[board.counter.unit]


@pytest.mark.emulator
@pytest.mark.parametrize("name", UART)
def test_uart_gives_the_same_counts(name: str, start: Callable[..., Link]) -> None:
    over_uart = Device(start(boards.load(name).with_link("uart")), timeout=30)
    over_files = Device(start(boards.load(name)), timeout=20)
    # The timer's phase may differ, and with it the empty mark by one tick of several for an instruction.
    ours, theirs = over_uart.hello(), over_files.hello()
    assert abs(ours.empty_mark_ticks - theirs.empty_mark_ticks) <= 1
    assert replace(ours, empty_mark_ticks=theirs.empty_mark_ticks) == theirs
    assert check_inferences(over_uart, 10, seed=2) == check_inferences(over_files, 10, seed=2)
    over_uart.exit(5)


@pytest.mark.emulator
def test_uart_exit_code(start: Callable[..., Link]) -> None:
    link = start(boards.load("qemu-cortex-m4").with_link("uart"))
    Device(link, timeout=20).exit(5)
    assert link.close() == 5


@pytest.mark.parametrize("name", TWO)
def test_profile_compiled_out(name: str, start: Callable[..., Link]) -> None:
    device = Device(start(boards.load(name), profile=False), timeout=20)
    assert not device.hello().profiled
    assert check_inferences(device, 3, seed=3) == [None] * 3


@pytest.mark.parametrize("name", TWO)
def test_closed_link_ends_the_firmware(name: str, start: Callable[..., Link]) -> None:
    link = start(boards.load(name))
    Device(link, timeout=20).hello()
    assert link.close() == 0


@pytest.mark.parametrize("name", TWO)
def test_hello_resets_the_model(name: str, start: Callable[..., Link]) -> None:
    device = Device(start(boards.load(name)), timeout=20)
    check_inferences(device, 3, seed=4)
    device.hello()
    check_inferences(device, 3, seed=5)


@pytest.mark.parametrize("name", TWO)
def test_hang_ends_within_its_bound(name: str, start: Callable[..., Link]) -> None:
    link = start(boards.load(name))
    device = Device(link, timeout=1.0)
    device.hello()
    begun = time.monotonic()
    with pytest.raises(StageError, match="did not answer INFER within 1 s"):
        device.infer(bytes(DATA_BYTES) + bytes([HANG]))
    assert link.close(0.0) is None
    assert time.monotonic() - begun < 3


@pytest.mark.emulator
@pytest.mark.parametrize("name", EMULATED)
@pytest.mark.parametrize("command", [BAD_ACCESS, STACK_OVERFLOW])
def test_faults_are_reported(name: str, command: int, start: Callable[..., Link]) -> None:
    link = start(boards.load(name))
    device = Device(link, timeout=10)
    device.hello()
    with pytest.raises(StageError, match=r"faulted: PC=0x[0-9a-f]{8}"):
        device.infer(bytes(DATA_BYTES) + bytes([command]))
    assert link.close() == 99


def test_death_of_the_firmware_is_an_error(start: Callable[..., Link]) -> None:
    link = start(boards.load("host"))
    device = Device(link, timeout=20)
    device.hello()
    with pytest.raises(StageError, match="ended with exit code"):
        device.infer(bytes(DATA_BYTES) + bytes([BAD_ACCESS]))


@pytest.mark.emulator
def test_wrong_machine_is_an_error_with_the_emulators_words(build: Build, tmp_path: Path) -> None:
    board = boards.load("qemu-cortex-m4")
    elf = build(board)
    broken = tmp_path / "broken-board"
    broken.mkdir()
    text = (board.folder / "board.toml").read_text()
    text = text.replace("qemu-cortex-m4", "broken-board").replace('"mps2-an386"', '"no-such-machine"')
    (broken / "board.toml").write_text(text)
    for link_kind in ("semihosting", "uart"):
        with pytest.raises(StageError, match="unsupported machine type"):
            Device(find_runner("qemu").open(elf, boards.load_folder(broken).with_link(link_kind))).hello()


class NoisyLink:
    """Damages bytes in both directions: flips one, drops one or adds one."""

    def __init__(self, link: Link, seed: int, rate: float) -> None:
        self.lossy = True
        self.seconds_per_byte = 0.0
        self._link = link
        self._numbers = random.Random(seed)
        self._rate = rate

    def _damage(self, data: bytes) -> bytes:
        if self._numbers.random() >= self._rate:
            return data
        noisy = bytearray(data)
        index = self._numbers.randrange(len(noisy))
        match self._numbers.randrange(3):
            case 0:
                noisy[index] ^= 1 << self._numbers.randrange(8)
            case 1:
                del noisy[index]
            case _:
                noisy.insert(index, self._numbers.randrange(256))
        return bytes(noisy)

    def read(self, max_bytes: int, timeout: float) -> bytes:
        data = self._link.read(max_bytes, timeout)
        return self._damage(data) if data else data

    def write(self, data: bytes, timeout: float) -> None:
        self._link.write(self._damage(data), timeout)

    def reopen(self, timeout: float) -> bool:
        return False

    def close(self, timeout: float = 5.0) -> int | None:
        return self._link.close(timeout)


@pytest.mark.parametrize("name", TWO)
@pytest.mark.parametrize("seed", range(3))
def test_damage_is_repaired_counted_and_never_a_result(
    name: str, seed: int, start: Callable[..., Link]
) -> None:
    device = Device(NoisyLink(start(boards.load(name)), seed, rate=0.2), timeout=8, attempts=16)
    device.hello()
    check_inferences(device, 150, seed)  # the model counts its runs: a repeat must not run it again
    assert device.statistics.damaged.total() > 20
    assert device.statistics.repeated > 20


def exchange(link: Link, request: bytes, answers: int) -> list[tuple[int, int, bytes]]:
    link.write(request, 5.0)
    receiver, found = FrameReceiver(), []
    while len(found) < answers:
        data = link.read(4096, 5.0)
        assert data, f"only {found}"
        for frame in receiver.feed(data):
            assert not isinstance(frame, Damage)
            found.append((frame.message, frame.sequence, frame.payload))
    return found


@pytest.mark.parametrize("name", TWO)
def test_refusals_name_their_reason(name: str, start: Callable[..., Link]) -> None:
    link = start(boards.load(name))
    good = encode_frame(Message.HELLO, 1)
    cases = [
        (good[:2] + bytes([good[2] ^ 4]) + good[3:], 0, Nak.HEADER),
        (good[:-3] + bytes([good[-3] ^ 1 or 2]) + b"\0\0", 1, Nak.CHECKSUM),
        (good[:-4] + b"\0\0", 1, Nak.CODING),
        (good[:-2] + b"\x01\0\0", 1, Nak.LENGTH),
        (encode_frame(Message.INFER, 2, b"abc"), 2, Nak.SIZE),
        (encode_frame(Message.EXIT, 3, b"abc"), 3, Nak.SIZE),
        (encode_frame(200, 4, b"abc"), 4, Nak.UNKNOWN),
        (encode_frame(Message.HELLO, 5, b"abc"), 5, Nak.SIZE),
        (encode_frame(Message.INFER, 6, bytes(DATA_BYTES + 1)), 6, Nak.SESSION),
    ]
    for request, sequence, reason in cases:
        message, answered, payload = exchange(link, request, 1)[0]
        assert message == Message.NAK
        assert answered == sequence
        assert payload == bytes([reason])


@pytest.mark.parametrize("name", TWO)
def test_a_look_changes_nothing_and_statistics_count(name: str, start: Callable[..., Link]) -> None:
    link = start(boards.load(name))
    device = Device(link, timeout=20)
    assert device.look().model == "runtime_test"
    assert (device.status().inferences, device.status().layer_counts) == (0, None)
    device.hello()
    layers = check_inferences(device, 3, seed=6)
    assert exchange(link, encode_frame(Message.INFER, 200)[:5] + b"\0", 1)[0][0] == Message.NAK
    assert device.look() == device.look()
    status = device.status()
    assert (status.inferences, status.damaged, status.layer_counts) == (3, 1, layers[-1])
    data = bytes(DATA_BYTES)
    assert device.infer(data + b"\0").outputs == expected_outputs(data, 4)  # the model goes on where it was


@pytest.mark.parametrize("name", TWO)
def test_repeats_return_the_stored_result(name: str, start: Callable[..., Link]) -> None:
    link = start(boards.load(name))
    exchange(link, encode_frame(Message.HELLO, 0), 1)
    request = encode_frame(Message.INFER, 9, bytes(DATA_BYTES + 1))
    first, second = exchange(link, request + request, 2)
    assert first[0] == Message.RESULT
    assert (
        first[2][-DATA_BYTES - 4 :] == second[2][-DATA_BYTES - 4 :] == expected_outputs(bytes(DATA_BYTES), 1)
    )
    clobbering = bytearray(
        encode_frame(Message.INFER, 10, bytes(range(1, 250)) + bytes(DATA_BYTES + 1 - 249))
    )
    clobbering[100] ^= 0x40
    assert exchange(link, bytes(clobbering), 1)[0][0] == Message.NAK
    assert exchange(link, request, 1)[0] == (Message.NAK, 9, bytes([Nak.LOST]))


@pytest.mark.parametrize("name", TWO)
def test_transport_overhead(name: str, start: Callable[..., Link]) -> None:
    device = Device(start(boards.load(name)), timeout=20)
    begun = time.monotonic()
    for _ in range(600):
        device.infer(bytes(DATA_BYTES + 1))
    assert time.monotonic() - begun < 3


@pytest.mark.parametrize("name", TWO)
def test_forgotten_links_leave_no_process(name: str, build: Build) -> None:
    board = boards.load(name)
    link = find_runner(board.runner.kind).open(build(board), board)
    Device(link, timeout=20).hello()
    process = link._process  # type: ignore[attr-defined]
    folder = link._folder  # type: ignore[attr-defined]
    del link
    gc.collect()
    assert process.poll() is not None
    assert not folder.exists()


@pytest.mark.parametrize("name", TWO)
def test_a_killed_host_leaves_no_process(name: str, build: Build) -> None:
    program = f"""
import os, signal, sys, time
from pathlib import Path
from intarsia import boards
from intarsia.runners import find_runner
board = boards.load({name!r})
link = find_runner(board.runner.kind).open(Path({str(build(boards.load(name)))!r}), board)
print(link._process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    child = Path(f"/proc/{int(done.stdout)}/stat")
    deadline = time.monotonic() + 5
    while child.exists() and child.read_text().split(")")[1].split()[0] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_missing_firmware_is_named(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="no firmware at"):
        find_runner("host").open(tmp_path / "none.elf", boards.load("host"))
