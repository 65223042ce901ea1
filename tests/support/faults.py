# SPDX-License-Identifier: Apache-2.0
"""A cable that damages frames: between a pseudo terminal and a firmware that runs as a process."""

from __future__ import annotations

import collections
import contextlib
import os
import random
import select
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

from support.ptys import Pty

Damage = Callable[[bytes, random.Random], bytes]


def _inside(body: bytes, numbers: random.Random) -> int:
    return numbers.randrange(1, len(body))


def drop(body: bytes, numbers: random.Random) -> bytes:
    at = _inside(body, numbers)
    return body[:at] + body[at + 1 :]


def drop_many(body: bytes, numbers: random.Random) -> bytes:
    at = _inside(body, numbers)
    return body[:at] + body[at + numbers.randint(1, 64) :]


def flip(body: bytes, numbers: random.Random) -> bytes:
    at = _inside(body, numbers)
    return body[:at] + bytes([body[at] ^ 1 << numbers.randrange(8)]) + body[at + 1 :]


def duplicate(body: bytes, numbers: random.Random) -> bytes:
    at = _inside(body, numbers)
    return body[:at] + body[at - 1 : at] + body[at:]


def insert(body: bytes, numbers: random.Random) -> bytes:
    at = _inside(body, numbers)
    return body[:at] + numbers.randbytes(1) + body[at:]


def garbage(body: bytes, numbers: random.Random) -> bytes:
    return b"\x7f" + numbers.randbytes(numbers.randint(1, 40)) + b"\0" + body


def cut(body: bytes, numbers: random.Random) -> bytes:
    return body[: _inside(body, numbers)]


def lose(body: bytes, numbers: random.Random) -> bytes:
    return b""


def twice(body: bytes, numbers: random.Random) -> bytes:
    return body + b"\0" + body


def join(body: bytes, numbers: random.Random) -> bytes:
    """As if the delimiter behind it were damaged, and the one after it missing: it ends too late."""
    return body + bytes([numbers.randint(1, 255)])


WAYS: dict[str, Damage] = {
    way.__name__: way for way in (drop, drop_many, flip, duplicate, insert, garbage, cut, lose, twice, join)
}
RESET, UNPLUG = "reset", "unplug"


class Direction:
    """Bytes one way, cut into frames; each is damaged with a probability, in one of the ways.

    `injected` counts what was done. `allowed` may hold damage back.
    """

    def __init__(self, ways: dict[str, float], numbers: random.Random, allowed: Callable[[], bool]) -> None:
        self.injected: collections.Counter[str] = collections.Counter()
        self._ways, self._numbers, self._allowed = ways, numbers, allowed
        self._body = bytearray()

    def feed(self, data: bytes) -> tuple[bytes, str | None]:
        """What goes on, and RESET or UNPLUG when that is to happen after it."""
        if not self._ways:
            return data, None  # whatever it is, frames or not
        out, event = bytearray(), None
        for byte in data:
            if byte:
                self._body.append(byte)
                continue
            if self._body:
                body = bytes(self._body)
                self._body.clear()
                way = self._choose(body)
                if way in (RESET, UNPLUG):
                    out += cut(body, self._numbers)
                    event = way
                    break
                out += WAYS[way](body, self._numbers) if way else body
            out.append(0)
        return bytes(out), event

    def _choose(self, body: bytes) -> str | None:
        drawn = self._numbers.random()
        for way, rate in self._ways.items():
            if drawn < rate:
                if len(body) < 4 or not self._allowed():
                    return None
                self.injected[way] += 1
                return way
            drawn -= rate
        return None


class FaultyCable:
    """Starts a firmware and connects its standard input and output to a pseudo terminal at `port`, in a thread.

    `rates` are probabilities by way. With `apart`, a frame is only damaged when one has passed unhurt since the last.
    """

    def __init__(
        self, command: list[str], port: Path, rates: dict[str, float], seed: int, *, apart: bool = False
    ) -> None:
        self._command = command
        self._pty = Pty(port)
        self._quiet = True
        self._apart = apart
        numbers = random.Random(seed)
        self.down = Direction(rates, numbers, self._may)
        self.up = Direction(rates, numbers, self._may)
        self._process = self._start()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def injected(self) -> collections.Counter[str]:
        return self.down.injected + self.up.injected

    def mutter(self, noise: bytes) -> None:
        """Sends something to the host that is not from the firmware, as far as the port has room for it."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._pty.master, noise)

    def settled(self) -> None:
        """An exchange has ended well: the next frame may be damaged."""
        self._quiet = True

    def close(self) -> None:
        self._stop.set()
        self._thread.join(5)
        self._process.kill()
        self._process.wait()
        self._pty.close()

    def _may(self) -> bool:
        quiet = self._quiet or not self._apart
        self._quiet = False
        return quiet

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)

    def _restart(self) -> None:
        self._process.kill()
        self._process.wait()
        self._process = self._start()

    def _run(self) -> None:
        while not self._stop.is_set():
            stdin, stdout = self._process.stdin, self._process.stdout
            assert stdin is not None
            assert stdout is not None
            ready = select.select([self._pty.master, stdout], [], [], 0.05)[0]
            event = None
            with contextlib.suppress(BlockingIOError, BrokenPipeError):
                if self._pty.master in ready:
                    data, event = self.down.feed(os.read(self._pty.master, 4096))
                    os.write(stdin.fileno(), data)
                elif stdout in ready:
                    data, event = self.up.feed(os.read(stdout.fileno(), 4096))
                    self._send_up(data)
            if event == RESET:
                self._restart()
            elif event == UNPLUG:
                self._pty.unplug()
                self._restart()
                self._pty.plug()

    def _send_up(self, data: bytes) -> None:
        while data and not self._stop.is_set():
            with contextlib.suppress(BlockingIOError):
                data = data[os.write(self._pty.master, data) :]
