# SPDX-License-Identifier: Apache-2.0
"""Flashing with stub tools: the right command, the right device, and the tool's own words when it fails."""

from __future__ import annotations

import json
import os
import stat
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from intarsia import assets, boards, devices
from intarsia.cli import app
from intarsia.devices import Probe, SerialPort
from intarsia.errors import StageError
from intarsia.images import segments, uf2
from intarsia.runners import Place, _tool, find_runner, runner_kinds
from support import projects

CODE = bytes(range(1, 101))
RUNNERS = {
    "pyocd": 'kind = "pyocd"\ntarget = "nrf52840"',
    "openocd": 'kind = "openocd"\ninterface = "interface/stlink.cfg"\ntarget = "target/stm32f4x.cfg"\n'
    'setup = ["transport select hla_swd"]\nusb = ["0483:374b"]',
    "esptool": 'kind = "esptool"\nchip = "esp32c3"\nusb = ["303a:1001"]',
    "gdb": 'kind = "gdb"\nprepare = ["halt"]\nrestart = ["system_reset"]',
    "uf2": 'kind = "uf2"\nfamily = 0xe48bff56\nboard_id = "RPI-RP2"\nbutton = "hold BOOTSEL"',
}
ST_LINK = Probe("066AFF1", "ST-Link", "0483:374b")
OTHER_PROBE = Probe("E66058", "Debugprobe (CMSIS-DAP)", "2e8a:000c")
J_LINK = Probe("680123456", "J-Link", "1366:1051")
PORT = SerialPort("/dev/ttyACM0", "USB JTAG/serial", "303a:1001", "7C:DF:A1")
TWIN = SerialPort("/dev/ttyACM1", "USB JTAG/serial", "303a:1001", "7C:DF:A2")
MODEM = SerialPort("/dev/ttyS0", "", None, None)


def small_elf(data: bytes = CODE, address: int = 0x10000000) -> bytes:
    """A 32-bit ELF file with one segment at a load address."""
    header_bytes, segment_bytes = 52, 32
    header = b"\x7fELF\x01\x01\x01" + bytes(9)
    header += struct.pack(
        "<HHIIIIIHHHHHH", 2, 40, 1, address, header_bytes, 0, 0, header_bytes, 32, 1, 40, 0, 0
    )
    offset = header_bytes + segment_bytes
    segment = struct.pack("<8I", 1, offset, address, address, len(data), len(data), 5, 4)
    return header + segment + data


class Desk:
    """A folder with boards and projects, one with stub tools, and what is plugged in."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.tools = folder, folder / "tools"
        self.ports: list[SerialPort] = []
        self.probes: list[Probe] | None = []
        self.tools.mkdir()
        (folder / "boards").mkdir()
        monkeypatch.setenv("INTARSIA_BOARDS", str(folder / "boards"))
        monkeypatch.setenv("PATH", f"{self.tools}:/usr/bin:/bin")
        monkeypatch.setattr(devices, "ports", lambda: tuple(self.ports))
        monkeypatch.setattr(devices, "probes", lambda: None if self.probes is None else tuple(self.probes))

    def project(self, kind: str) -> Path:
        """A project of a board with that runner, built."""
        board, project = self.folder / "boards" / f"my-{kind}", self.folder / f"fw-{kind}"
        board.mkdir()
        text = (assets.boards() / "qemu-cortex-m4" / "board.toml").read_text()
        text = text[: text.index("[runner]")].replace("qemu-cortex-m4", board.name)
        text = text.replace('link = "semihosting"', 'link = "uart"')
        (board / "board.toml").write_text(f"{text}[runner]\n{RUNNERS[kind]}\n")
        (project / "build").mkdir(parents=True)
        (project / "build" / "firmware.elf").write_bytes(small_elf())
        (project / "intarsia.json").write_text(
            json.dumps(projects.description(board=board.name, link="uart"))
        )
        return project

    def stub(self, name: str, script: str = "") -> Path:
        """A tool that writes its arguments to a file, one a line, then does what `script` says."""
        path = self.tools / name
        path.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{self.tools}/{name}.called"\n{script}\n')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    def called(self, name: str) -> list[str]:
        return (self.tools / f"{name}.called").read_text().splitlines()


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(tmp_path, monkeypatch)


Flash = Callable[..., tuple[int, str, str]]


@pytest.fixture
def flash(capsys: pytest.CaptureFixture[str]) -> Flash:
    def run(*arguments: str | Path) -> tuple[int, str, str]:
        code = app.run(["flash", *map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_pyocd(desk: Desk, flash: Flash) -> None:
    desk.stub("pyocd", "test -s firmware.elf")
    desk.probes = [OTHER_PROBE]
    code, out, err = flash(desk.project("pyocd"))
    assert (code, err) == (0, "")
    assert out == "flashed my-pyocd through probe E66058\n"
    assert desk.called("pyocd") == [
        *("load", "--no-wait", "--uid", "E66058", "--target", "nrf52840", "firmware.elf")
    ]


def test_openocd_prefers_the_boards_own_probe(desk: Desk, flash: Flash) -> None:
    desk.stub("openocd")
    desk.probes = [OTHER_PROBE, ST_LINK]
    assert flash(desk.project("openocd"))[0] == 0
    assert desk.called("openocd") == [
        *("-f", "interface/stlink.cfg", "-c", "adapter serial 066AFF1", "-c", "transport select hla_swd"),
        *("-f", "target/stm32f4x.cfg", "-c", "program firmware.elf verify reset exit"),
    ]
    assert flash(desk.folder / "fw-openocd", "--probe", "E66058")[0] == 0
    assert "adapter serial E66058" in desk.called("openocd")


def test_openocd_loads_ram_without_a_reset(desk: Desk, flash: Flash) -> None:
    desk.stub("openocd")
    desk.probes = [ST_LINK]
    project = desk.project("openocd")
    board = desk.folder / "boards" / "my-openocd" / "board.toml"
    board.write_text(board.read_text() + 'load = "ram"\n')
    vectors = struct.pack("<II", 0x30001000, 0x34180501)
    (project / "build" / "firmware.elf").write_bytes(small_elf(vectors + CODE, 0x34180400))
    assert flash(project)[0] == 0
    assert desk.called("openocd")[-1] == (
        "init; reset halt; load_image firmware.elf; verify_image firmware.elf; mww 0xe000ed08 0x34180400; "
        "reg msp 0x30001000; resume 0x34180500; shutdown"
    )


@pytest.mark.parametrize(("name", "write"), [("esptool", "write-flash"), ("esptool.py", "write_flash")])
def test_esptool(name: str, write: str, desk: Desk, flash: Flash) -> None:
    desk.stub(name, f'cp firmware.bin "{desk.tools}/copy.bin"')
    desk.ports = [MODEM, PORT]
    code, out, _ = flash(desk.project("esptool"))
    assert (code, out) == (0, "flashed my-esptool through /dev/ttyACM0\n")
    assert desk.called(name) == [
        *("--chip", "esp32c3", "--port", "/dev/ttyACM0", "--baud", "460800"),
        *(write, "0x0", "firmware.bin"),
    ]
    assert (desk.tools / "copy.bin").read_bytes() == CODE


def test_gdb(desk: Desk, flash: Flash) -> None:
    desk.stub("gdb-multiarch", f'cp flash.gdb "{desk.tools}/script"; echo "Section .text: matched."')
    project = desk.project("gdb")
    code, out, _ = flash(project)
    assert (code, out) == (0, "flashed my-gdb through the GDB server localhost:3333\n")
    assert desk.called("gdb-multiarch") == ["-nx", "-batch", "-x", "flash.gdb", "firmware.elf"]
    script = (desk.tools / "script").read_text().splitlines()
    assert script[-6:] == [
        *("target extended-remote localhost:3333", "monitor halt", "load", "compare-sections"),
        *("monitor system_reset", "detach"),
    ]
    assert flash(project, "--probe", "rack:2331")[1] == "flashed my-gdb through the GDB server rack:2331\n"
    assert flash(project, "--probe", "rack; shell x")[0] == 2


def test_gdb_that_finds_something_else_in_flash(desk: Desk, flash: Flash) -> None:
    desk.stub("gdb-multiarch", 'echo "Section .text, range 0x0 -- 0x64: MIS-MATCHED!"')
    code, _, err = flash(desk.project("gdb"))
    assert code == 1
    assert "my-gdb does not hold what was written to it: Section .text" in err


@pytest.mark.openocd
@pytest.mark.parametrize("name", [n for n in boards.names() if boards.load(n).runner.kind == "openocd"])
def test_the_real_openocd_knows_what_a_board_asks_for(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads interface and target, and ends for want of a probe: here there is none. (It cannot be tried against an
    emulator: none of its adapters speaks to a GDB server.) The STM32N6 is not known to OpenOCD 0.12."""
    (tmp_path / "firmware.elf").write_bytes(small_elf(struct.pack("<II", 0x30001000, 0x34180501) + CODE))
    monkeypatch.setattr(devices, "probes", lambda: (J_LINK,))
    board = boards.load(name)
    begun = time.monotonic()
    with pytest.raises(StageError) as caught:
        find_runner("openocd").flash(tmp_path / "firmware.elf", board, Place(probe=J_LINK.id))
    assert time.monotonic() - begun < 30
    unknown = "Can't find target/stm32n6x.cfg" in caught.value.message
    no_probe = "open failed" in caught.value.message or "unable to find" in caught.value.message
    no_probe |= "No J-Link device found" in caught.value.message or "init failed" in caught.value.message
    assert unknown if name == "stm32n6570-dk" else no_probe, caught.value.message


def test_uf2(desk: Desk, flash: Flash, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from intarsia.runners import uf2 as runner

    project, mounts = desk.project("uf2"), tmp_path / "media"
    monkeypatch.setattr(runner, "MOUNT_FOLDERS", (str(mounts),))
    code, _, err = flash(project)
    assert code == 4
    assert "there is no drive 'RPI-RP2' of my-uf2" in err
    assert "hold BOOTSEL" in err

    for name, board_id in (("someone/RPI-RP2", "RPI-RP2"), ("OTHER", "Feather")):
        (mounts / name).mkdir(parents=True)
        (mounts / name / "INFO_UF2.TXT").write_text(f"UF2 Bootloader v3.0\nBoard-ID: {board_id}\n")
    assert flash(project)[0] == 0
    blocks, family = uf2.decode((mounts / "someone/RPI-RP2/firmware.uf2").read_bytes())
    assert family == 0xE48BFF56
    assert segments.flat(blocks).data == CODE + b"\xff" * 156

    (mounts / "OTHER" / "INFO_UF2.TXT").write_text("Board-ID: RPI-RP2\n")
    code, _, err = flash(project)
    assert code == 2
    assert "2 drives fit my-uf2" in err
    assert flash(project, "--probe", mounts / "OTHER")[0] == 0
    assert flash(project, "--probe", tmp_path)[0] == 4


@pytest.mark.parametrize(
    ("kind", "install"),
    [
        ("pyocd", "pip install pyocd"),
        ("openocd", "sudo apt-get install openocd"),
        ("esptool", "pip install esptool"),
    ],
)
def test_a_missing_tool_is_named(
    kind: str, install: str, desk: Desk, flash: Flash, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    desk.probes, desk.ports = [ST_LINK], [PORT]
    code, out, err = flash(desk.project(kind))
    assert (code, out) == (4, "")
    assert err == f"error: {kind} is not installed\nhint: {install}\n"


@pytest.mark.parametrize(
    ("probes", "arguments", "code", "error", "hint"),
    [
        ([], [], 4, "no debug probe is connected; my-pyocd needs one", "cable"),
        ([ST_LINK, OTHER_PROBE], [], 2, "2 probes fit my-pyocd: 066AFF1 (ST-Link), E66058", "--probe ID"),
        ([ST_LINK], ["--probe", "E66"], 4, "there is no probe E66", "connected: 066AFF1 (ST-Link)"),
        (None, [], 4, "nothing can list the debug probes", "pip install pyocd"),
        (None, ["--probe", "x; rm"], 2, "'x; rm' is not a serial number", "devices"),
        ([ST_LINK], ["--probe", " "], 2, "--probe: nothing is given", "devices"),
        ([ST_LINK], ["--wait", "-1"], 2, "--wait: -1 s is no time", "0 to 3600"),
    ],
)
def test_probes_are_never_guessed(
    probes: list[Probe] | None,
    arguments: list[str],
    code: int,
    error: str,
    hint: str,
    desk: Desk,
    flash: Flash,
) -> None:
    desk.stub("pyocd")
    desk.probes = probes
    got, out, err = flash(desk.project("pyocd"), *arguments)
    assert (got, out) == (code, "")
    assert error in err
    assert hint in err
    assert not (desk.tools / "pyocd.called").exists()


@pytest.mark.parametrize(
    ("ports", "arguments", "code", "error", "hint"),
    [
        ([MODEM], [], 4, "no serial port of my-esptool is connected", "connected: /dev/ttyS0"),
        ([], [], 4, "no serial port of my-esptool", "no serial port is connected"),
        (
            [PORT, TWIN],
            [],
            2,
            "2 serial ports fit my-esptool: /dev/ttyACM0 (303a:1001 7C:DF:A1), /dev/ttyACM1",
            "--port",
        ),
        ([PORT, TWIN], ["--port", "303a:1001"], 2, "2 serial ports fit", "--port"),
        ([PORT], ["--port", "/dev/ttyACM7"], 4, "there is no port /dev/ttyACM7", "/dev/ttyACM0"),
        ([PORT, TWIN], ["--port", "7C:DF:A2"], 0, "", ""),
        ([PORT, TWIN], ["--port", "/dev/ttyACM1"], 0, "", ""),
        ([MODEM, TWIN], ["--port", "303A:1001"], 0, "", ""),
    ],
)
def test_ports_are_never_guessed(
    ports: list[SerialPort],
    arguments: list[str],
    code: int,
    error: str,
    hint: str,
    desk: Desk,
    flash: Flash,
) -> None:
    desk.stub("esptool")
    desk.ports = ports
    got, _, err = flash(desk.project("esptool"), *arguments)
    assert got == code, err
    assert error in err
    assert hint in err
    if code == 0:
        assert "/dev/ttyACM1" in desk.called("esptool")


def test_a_failure_is_told_in_the_tools_own_words(desk: Desk, flash: Flash) -> None:
    desk.stub("pyocd", "echo '0001 C Target type nrf52840 not recognized. [__main__]' >&2; exit 3")
    desk.probes = [ST_LINK]
    code, out, err = flash(desk.project("pyocd"))
    assert (code, out) == (1, "")
    assert "pyocd could not flash my-pyocd (exit code 3)" in err
    assert "Target type nrf52840 not recognized" in err


def test_a_tool_that_hangs_is_stopped(desk: Desk, flash: Flash, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_tool, "FLASH_SECONDS", 0.3)
    desk.stub("pyocd", "echo waiting for a probe; exec sleep 60")
    desk.probes = [ST_LINK]
    begun = time.monotonic()
    code, _, err = flash(desk.project("pyocd"))
    assert code == 1
    assert "pyocd did not finish within 0.3 s" in err
    assert "waiting for a probe" in err
    assert time.monotonic() - begun < 5


def test_waiting_for_a_board(desk: Desk, flash: Flash, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.stub("esptool")
    looks: list[int] = []

    def ports() -> tuple[SerialPort, ...]:
        looks.append(1)
        return (PORT,) if len(looks) > 2 else ()

    monkeypatch.setattr(devices, "ports", ports)
    assert flash(desk.project("esptool"), "--wait", "5")[0] == 0
    assert len(looks) == 3


def test_without_a_firmware_nothing_is_asked_of_the_board(desk: Desk, flash: Flash) -> None:
    project = desk.project("pyocd")
    desk.stub("pyocd")
    os.remove(project / "build" / "firmware.elf")
    code, _, err = flash(project)
    assert code == 1
    assert "there is no firmware at" in err


def test_probes_of_this_system_and_of_pyocd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usb, tools = tmp_path / "usb", tmp_path / "tools"
    for name, fields in {
        "1-1": ("0483", "374b", "STM32 STLink", "066AFF1"),
        "1-2": ("2e8a", "000c", "Debugprobe on Pico (CMSIS-DAP)", "E66058"),
        "1-3": ("046d", "c31c", "Keyboard", "1"),
        "1-4": ("1366", "0105", "J-Link", ""),
    }.items():
        (usb / name).mkdir(parents=True)
        for file, text in zip(("idVendor", "idProduct", "product", "serial"), fields, strict=True):
            (usb / name / file).write_text(text + "\n")
    tools.mkdir()
    monkeypatch.setattr(devices, "USB_DEVICES", usb)
    monkeypatch.setattr("sys.executable", str(tools / "python"))
    monkeypatch.setenv("PATH", str(tools))
    assert [p.id for p in devices.probes() or ()] == ["066AFF1", "E66058"]

    (tools / "pyocd").write_text(
        '#!/bin/sh\necho \'{"boards": [{"unique_id": "J1", "info": "J-Link"}, {"unique_id": "066AFF1"}]}\'\n'
    )
    (tools / "pyocd").chmod(0o755)
    assert [p.id for p in devices.probes() or ()] == ["066AFF1", "E66058", "J1"]
    (tools / "pyocd").write_text("#!/bin/sh\necho broken\n")
    assert [p.id for p in devices.probes() or ()] == ["066AFF1", "E66058"]
    monkeypatch.setattr(devices, "USB_DEVICES", tmp_path / "none")
    assert devices.probes() is None


def test_each_runner_that_flashes_is_tested_here() -> None:
    assert set(RUNNERS) == set(runner_kinds()) - {"host", "qemu", "verilator"}


def test_uf2_files_that_are_not_right() -> None:
    good = uf2.encode([segments.Segment(0x1000, CODE * 6)], 7)
    assert len(good) == 3 * 512
    for bad in (b"", good[:-1], good[512:], b"x" + good[1:], good[:-4] + b"abcd"):
        with pytest.raises(ValueError, match="block"):
            uf2.decode(bad)
