# SPDX-License-Identifier: Apache-2.0
"""Serial ports, with pseudo terminals in their place: what can go wrong with one has a name."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from intarsia.errors import EnvironmentMissing, IntarsiaError, StageError
from intarsia.runners import _serial
from intarsia.runners._serial import SerialLink
from intarsia.runners.base import LinkLost
from support.ptys import Pty


@pytest.fixture
def pty(tmp_path: Path) -> Iterator[Pty]:
    pair = Pty(tmp_path / "port")
    yield pair
    pair.close()


def test_bytes_go_both_ways(pty: Pty) -> None:
    link = SerialLink(str(pty.port), 115200)
    data = bytes(range(256)) * 4
    link.write(data, 2.0)
    assert os.read(pty.master, 5000) == data
    os.write(pty.master, data)
    assert link.read(10, 1.0) == data[:10]
    assert link.read(5000, 1.0) == data[10:]
    begun = time.monotonic()
    assert link.read(1, 0.1) == b""
    assert time.monotonic() - begun < 1
    assert link.seconds_per_byte == pytest.approx(10 / 115200)
    assert link.close() is None
    link.close()


def test_absent_and_busy_ports(pty: Pty, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentMissing, match="there is no port"):
        SerialLink(str(tmp_path / "none"), 115200)
    link = SerialLink(str(pty.port), 115200)
    with pytest.raises(StageError, match="is busy"):
        SerialLink(str(pty.port), 115200)
    link.close()
    SerialLink(str(pty.port), 115200).close()
    (tmp_path / "file").write_text("no port")
    with pytest.raises(StageError, match="cannot be opened at 115200 baud"):
        SerialLink(str(tmp_path / "file"), 115200)


@pytest.mark.parametrize(
    ("number", "kind", "message", "hint"),
    [
        (errno.EACCES, EnvironmentMissing, "no permission to open /dev/x", "dialout"),
        (errno.EBUSY, StageError, "/dev/x is busy", "terminal"),
        (errno.ENXIO, EnvironmentMissing, "there is no port /dev/x", "devices"),
        (errno.EIO, StageError, "/dev/x cannot be opened", "serial port"),
    ],
)
def test_refusals_of_the_system(
    number: int, kind: type[IntarsiaError], message: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise serial.SerialException(number, os.strerror(number))

    monkeypatch.setattr(serial, "Serial", refuse)
    with pytest.raises(kind, match=message) as caught:
        SerialLink("/dev/x", 115200)
    assert hint in (caught.value.hint or "")


def test_unplugged_and_plugged_in_again(pty: Pty) -> None:
    link = SerialLink(str(pty.port), 115200)
    pty.unplug()
    with pytest.raises(LinkLost, match="is gone"):
        link.read(1, 1.0)
    assert not link.reopen(0.1)
    threading.Timer(0.2, pty.plug).start()
    assert link.reopen(5.0)
    os.write(pty.master, b"back")
    assert link.read(4, 1.0) == b"back"
    link.close()


def test_writing_to_an_unplugged_port(pty: Pty) -> None:
    link = SerialLink(str(pty.port), 115200)
    pty.unplug()
    with pytest.raises(LinkLost, match="is gone"):
        link.write(b"x", 1.0)


def test_a_reader_that_stopped(pty: Pty, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_serial, "_STALL_SECONDS", 0.2)
    link = SerialLink(str(pty.port), 115200)
    begun = time.monotonic()
    with pytest.raises(StageError, match=r"took no input for 0\.2 s"):
        link.write(bytes(1 << 20), 30.0)
    assert time.monotonic() - begun < 3


def test_a_slow_reader_is_waited_for(pty: Pty) -> None:
    link = SerialLink(str(pty.port), 115200)
    received = bytearray()

    def drain() -> None:
        while len(received) < 40_000:
            time.sleep(0.01)
            try:
                received.extend(os.read(pty.master, 1500))
            except BlockingIOError:
                continue

    reader = threading.Thread(target=drain, daemon=True)
    reader.start()
    data = os.urandom(40_000)
    link.write(data, 30.0)
    reader.join(10)
    assert bytes(received) == data
