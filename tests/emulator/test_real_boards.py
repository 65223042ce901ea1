# SPDX-License-Identifier: Apache-2.0
"""Boards that nobody here has: built for a real network, every address checked; and their chips in the emulator."""

from __future__ import annotations

import contextlib
import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from intarsia import boards, pipeline
from intarsia.boards import Board
from intarsia.build import Built
from intarsia.device import Device
from intarsia.errors import StageError
from intarsia.images import segments, uf2
from intarsia.images.segments import Segment
from intarsia.request import DataSource, Request
from intarsia.runners import find_runner
from intarsia.runners.uf2 import Uf2Table
from intarsia_codegen import project as codegen
from support.chips import chip, hifive1, restarting
from support.firmware import DATA_BYTES, compile_firmware, expected_outputs

REAL = [name for name in boards.names() if boards.load(name).target.link == "uart"]
CHIPS: dict[str, Callable[[], Board]] = {
    "stm32f405": lambda: chip("emulated-stm32f405"),
    "stm32f405 without a reset": lambda: restarting(chip("emulated-stm32f405")),
    "stm32f100": lambda: chip("emulated-stm32f100"),
    "fe310": hifive1,
}
BAD_ACCESS, STACK_OVERFLOW = 2, 3
ALLOCATED, WRITABLE = 2, 1
BOOT_BLOCK_WITHIN = 4096


@pytest.fixture(scope="module")
def built(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Built]:
    """Keyword spotting for a board, built once."""
    graph = pipeline.load_model(data / "models" / "kws_dscnn_int8.tflite")
    done: dict[str, Built] = {}

    def build(name: str) -> Built:
        if name not in done:
            folder = tmp_path_factory.mktemp(name) / "fw"
            board = boards.load(name)
            codegen.write(pipeline.fit(graph, board), board, folder)
            done[name] = pipeline.build_project(folder)
        return done[name]

    return build


class Image:
    """What is in an ELF file, by address."""

    def __init__(self, elf: Path) -> None:
        self.segments = segments.read(elf)
        with elf.open("rb") as stream:
            file = ELFFile(stream)
            self.entry = int(file["e_entry"])
            self.symbols = {
                s.name: int(s["st_value"]) for s in file.get_section_by_name(".symtab").iter_symbols()
            }
            self.sections = [
                (s.name, int(s["sh_addr"]), int(s["sh_size"]), int(s["sh_flags"]), s["sh_type"])
                for s in file.iter_sections()
                if s["sh_flags"] & ALLOCATED and s["sh_size"]
            ]

    def words(self, address: int, count: int) -> tuple[int, ...]:
        """Words at a load address."""
        for segment in self.segments:
            offset = address - segment.address
            if 0 <= offset <= len(segment.data) - 4 * count:
                return struct.unpack_from(f"<{count}I", segment.data, offset)
        raise AssertionError(f"nothing at 0x{address:08x}")


def region_of(board: Board, address: int, size: int) -> str:
    """The memory that holds all of it."""
    for region in board.memory.regions:
        if region.origin <= address and address + size <= region.origin + region.length:
            return region.name
    raise AssertionError(f"0x{address:08x} + {size} is in no memory of {board.name}")


@pytest.mark.data
@pytest.mark.emulator
@pytest.mark.parametrize("name", REAL)
def test_everything_lies_in_the_boards_memories(name: str, built: Callable[[str], Built]) -> None:
    found, board = built(name), boards.load(name)
    image, memory = Image(found.project.elf), found.memory
    used: dict[str, int] = {}
    for section, address, size, flags, kind in image.sections:
        region = region_of(board, address, size)
        if flags & WRITABLE or kind == "SHT_NOBITS" or section == ".itr_hot":
            used[region] = used.get(region, 0) + size
            assert "FLASH" not in region, section
            assert "ROM" not in region, section
    loaded = sum(len(segment.data) for segment in image.segments)
    assert memory.flash_bytes == sum(size for *_, size, _, kind in image.sections if kind != "SHT_NOBITS")
    assert memory.flash_bytes <= loaded <= memory.flash_bytes + 512  # and what aligns them
    assert board.memory.flash is not None
    assert board.memory.ram is not None
    assert loaded <= board.memory.flash
    assert sum(used.values()) <= board.memory.ram
    assert memory.ram_bytes <= sum(used.values())  # the stack's bound is within what is kept for it
    assert memory.weights_bytes > 20_000


@pytest.mark.data
@pytest.mark.emulator
@pytest.mark.parametrize("name", REAL)
def test_the_core_finds_its_first_instruction(name: str, built: Callable[[str], Built]) -> None:
    board, image = boards.load(name), Image(built(name).project.elf)
    code = board.memory.regions[0].origin
    reset = image.symbols["itr_reset"]
    if board.target.arch == "riscv":
        assert image.entry == reset == code + (8 if name == "esp32-c3-devkit" else 0)
        assert image.symbols["itr_trap"] % 256 == 0
        return
    vectors = {"raspberry-pi-pico": code + 256, "stm32n6570-dk": 0x34180400}.get(name, code)
    stack, entry, *others = image.words(vectors, 16)
    assert vectors % 256 == 0
    assert stack == image.symbols["itr_stack_top"]
    assert stack % 8 == 0
    assert entry == reset | 1 == image.entry | 1
    fault = image.symbols["itr_fault_entry"] | 1
    assert others == [*[fault] * 6, 0, 0, 0, fault, fault, 0, fault, fault]


@pytest.mark.data
@pytest.mark.emulator
def test_fast_memory_is_used(built: Callable[[str], Built]) -> None:
    image, board = Image(built("nucleo-h743zi2").project.elf), boards.load("nucleo-h743zi2")
    arena, end = image.symbols["itr_fast_arena_start"], image.symbols["itr_fast_arena_end"]
    assert end - arena >= built("nucleo-h743zi2").memory.arena_bytes
    assert region_of(board, arena, end - arena) == "DTCM"
    assert image.symbols["itr_arena_start"] == image.symbols["itr_arena_end"]
    for name, memory in (
        ("nucleo-h743zi2", "ITCM"),
        ("stm32f746g-disco", "ITCM"),
        ("esp32-c3-devkit", "IRAM"),
    ):
        found = Image(built(name).project.elf)
        code = next(s for s in found.sections if s[0] == ".itr_hot")
        assert region_of(boards.load(name), code[1], code[2]) == memory
        assert code[2] > 4096


def crc32_of_the_rom(data: bytes) -> int:
    """RP2040 Datasheet 2.8.1.3.1: the polynomial of CRC-32, most significant bit first, without inversions."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)) & 0xFFFFFFFF
    return value


@pytest.mark.data
@pytest.mark.emulator
def test_second_boot_stage_of_the_rp2040(built: Callable[[str], Built]) -> None:
    assert crc32_of_the_rom(b"123456789") == 0x0376E6E7
    image = segments.flat(segments.read(built("raspberry-pi-pico").project.elf))
    assert image.address == 0x10000000
    assert struct.unpack_from("<I", image.data, 252)[0] == crc32_of_the_rom(image.data[:252])


@pytest.mark.data
@pytest.mark.emulator
@pytest.mark.parametrize("name", ["raspberry-pi-pico2", "raspberry-pi-pico2-riscv"])
def test_image_block_of_the_rp2350(name: str, built: Callable[[str], Built]) -> None:
    image = Image(built(name).project.elf)
    address = image.symbols["itr_image_def"]
    assert address % 4 == 0
    assert address - 0x10000000 <= BOOT_BLOCK_WITHIN - 32
    if name.endswith("riscv"):
        entry, stack = image.symbols["itr_reset"], image.symbols["itr_stack_top"]
        items: tuple[int, ...] = (0x11010142, 0x00000344, entry, stack, 0x000004FF)
    else:
        items = (0x10210142, 0x000001FF)
    block = (0xFFFFDED3, *items, 0, 0xAB123579)
    assert image.words(address, len(block)) == block


@pytest.mark.data
@pytest.mark.emulator
def test_direct_boot_image_of_the_esp32_c3(built: Callable[[str], Built]) -> None:
    image = Image(built("esp32-c3-devkit").project.elf)
    flat = segments.flat(image.segments)
    assert flat.address == 0
    assert struct.unpack_from("<II", flat.data) == (0xAEDB041D, 0xAEDB041D)
    for name, address, size, flags, kind in image.sections:  # both windows show the same flash
        if kind != "SHT_NOBITS" and not flags & WRITABLE and name != ".itr_hot":
            offset = address & 0x3FFFFF
            assert any(
                s.address <= offset and offset + size <= s.address + len(s.data) for s in image.segments
            )
    data = image.symbols["itr_data_load"]
    assert data >> 22 == 0x3C000000 >> 22
    assert (
        len(flat.data) - (data & 0x3FFFFF) == image.symbols["itr_data_end"] - image.symbols["itr_data_start"]
    )


@pytest.mark.data
@pytest.mark.emulator
@pytest.mark.parametrize("name", [name for name in REAL if boards.load(name).runner.kind == "uf2"])
def test_uf2_holds_the_same_bytes(name: str, built: Callable[[str], Built]) -> None:
    options = boards.load(name).runner.options
    assert isinstance(options, Uf2Table)
    parts = segments.read(built(name).project.elf)
    blocks, family = uf2.decode(uf2.encode(parts, options.family))
    assert family == options.family
    flat, whole = segments.flat(parts), segments.flat(blocks)
    assert (whole.address, whole.data[: len(flat.data)]) == (flat.address, flat.data)
    assert set(whole.data[len(flat.data) :]) <= {0xFF}


@pytest.mark.parametrize("name", REAL)
def test_the_uart_runs_at_its_speed(name: str) -> None:
    """Within 2 %: what a receiver that samples in the middle of ten bits can bear on both sides."""
    target = boards.load(name).target
    clock = int(target.defines.get("ITR_UART_CLOCK", "16000000u").rstrip("u"))
    step = {"pl011": 4, "esp32c3": 16}.get(next((h for h in target.hal if h in ("pl011", "esp32c3")), ""), 1)
    divider = round(clock * step / target.baud) / step
    assert abs(clock / divider / target.baud - 1) < 0.02 or "nrf" in " ".join(target.hal)


def test_segments_that_overlap_or_are_far_apart(tmp_path: Path) -> None:
    far = [Segment(0, b"a"), Segment(1 << 31, b"b")]
    with pytest.raises(StageError, match="spans"):
        segments.flat(far)
    assert segments.flat([Segment(4, b"ab"), Segment(8, b"c")]) == Segment(4, b"ab\xff\xffc")


@pytest.mark.emulator
@pytest.mark.parametrize("name", CHIPS)
def test_chips_of_the_same_family_run(name: str, tmp_path: Path) -> None:
    board = CHIPS[name]()
    elf = compile_firmware(board, tmp_path)
    with contextlib.closing(find_runner("qemu").open(elf, board)) as link:
        device, numbers = Device(link, timeout=20), random.Random(1)
        assert device.hello().board == board.name
        for index in range(3):
            data = numbers.randbytes(DATA_BYTES)
            result = device.infer(data + b"\0")
            assert result.outputs == expected_outputs(data, index + 1)
            assert 64 < (result.stack_bytes or 0) < 512
        if board.counter.unit == "cycles":
            assert result.layer_counts is not None
            assert result.layer_counts[0] == 401
        device.exit()  # starts over: the chip has nobody to tell its exit code to
        assert device.status().inferences == 0
        assert device.infer(bytes(DATA_BYTES + 1)).outputs == expected_outputs(bytes(DATA_BYTES), 1)
        assert device.statistics.resets == 1
        restarts = "cortex_m_restart" in board.target.hal  # but not after a fault
        for command in (BAD_ACCESS,) if restarts else (BAD_ACCESS, STACK_OVERFLOW):
            device.hello()
            with pytest.raises(StageError, match=r"faulted: PC=0x[0-9a-f]{8}"):
                device.infer(bytes(DATA_BYTES) + bytes([command]))


@pytest.mark.data
@pytest.mark.emulator
def test_code_in_fast_memory_and_what_does_not_fit_there(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On an emulated STM32F405 with 4 KB of fast memory for 6 KB of kernels, which call each other across."""
    monkeypatch.setenv("INTARSIA_BOARDS", str(chip("emulated-stm32f405").folder.parent))
    board, source = (
        boards.load("emulated-stm32f405"),
        DataSource(data / "datasets" / "kws01" / "test.npz", limit=2),
    )
    run = pipeline.profile(
        data / "models" / "kws_dscnn_int8.tflite", board, Request(source, "intarsia"), out=tmp_path / "run"
    )
    assert run.comparison.mismatched == 0
    image = Image(tmp_path / "run" / "fw" / "build" / "firmware.elf")
    assert 2048 < image.symbols["itr_hot_end"] - image.symbols["itr_hot_start"] <= 4096
    invoke, kernels = "kws_dscnn_int8_invoke", [a for n, a in image.symbols.items() if "_layer" in n]
    assert any(a >= 0x2001F000 for a in kernels)
    assert any(name.endswith("_veneer") for name in image.symbols)
    assert image.symbols[invoke] != 0
    assert run.built.memory.ram_bytes > run.built.memory.arena_bytes + 2048


@pytest.mark.data
@pytest.mark.emulator
def test_keyword_spotting_on_the_hifive1(data: Path, built: Callable[[str], Built]) -> None:
    """The very file that is flashed, run by the emulator with the chip's own UART."""
    import numpy as np

    from intarsia import exactness, measure

    found = built("hifive1-revb")
    graph = pipeline.load_model(data / "models" / "kws_dscnn_int8.tflite")
    with np.load(data / "datasets" / "kws01" / "test.npz") as arrays:
        samples = [[x.reshape(graph.tensor(graph.inputs[0]).shape)] for x in arrays["x"][:2]]
    _, expected = exactness.reference(graph, samples, "intarsia")
    with contextlib.closing(find_runner("qemu").open(found.project.elf, hifive1())) as link:
        device = Device(link)
        measure.check_identity(device.hello(), found.project)
        for sample, outputs in zip(samples, expected, strict=True):
            got = measure.split_outputs(device.infer(sample[0].tobytes()).outputs, found.project)
            assert np.array_equal(got[0], outputs[0])
        assert device.statistics.faults.total() == 0
