# SPDX-License-Identifier: Apache-2.0
"""An emulated chip as hardware on a desk: it runs by itself, is flashed by its GDB server, and has a serial port."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from pathlib import Path

from support.chips import FOLDER

CHIP = "emulated-stm32f405"
NAME = "desk-stm32f405"
SECONDS = 20.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def awaited(port: int) -> None:
    """Waits until somebody listens at a port."""
    deadline = time.monotonic() + SECONDS
    while not answers(port):
        assert time.monotonic() < deadline, f"nobody listens at {port}"
        time.sleep(0.05)


class Hardware:
    """An STM32F405 that has been switched on, with nothing in its flash."""

    def __init__(self) -> None:
        self.gdb, self.serial = free_port(), free_port()
        command = ["qemu-system-arm", "-M", "netduinoplus2", "-display", "none", "-monitor", "none", "-S"]
        command += ["-gdb", f"tcp:127.0.0.1:{self.gdb}"]
        command += ["-chardev", f"socket,id=uart,host=127.0.0.1,port={self.serial},server=on,wait=off"]
        self._process = subprocess.Popen([*command, "-serial", "chardev:uart"], stdin=subprocess.DEVNULL)
        awaited(self.gdb)

    @property
    def server(self) -> str:
        return f"127.0.0.1:{self.gdb}"

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def board_folder(folder: Path) -> Path:
    """A folder of boards with that chip as a real board: flashed by GDB. For INTARSIA_BOARDS."""
    target = folder / NAME
    target.mkdir(parents=True)
    text = (FOLDER / CHIP / "board.toml").read_text()
    text = re.sub(
        r"\[runner\].*", '[runner]\nkind = "gdb"\nrestart = ["system_reset"]\n', text, flags=re.DOTALL
    )
    (target / "board.toml").write_text(text.replace(CHIP, NAME))
    (target / "link.ld").write_text((FOLDER / CHIP / "link.ld").read_text())
    return folder
