# SPDX-License-Identifier: Apache-2.0
"""A link over a serial port: every way it can fail has a name, and a port that comes back is taken again."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from typing import Any

import serial

from intarsia.errors import EnvironmentMissing, StageError
from intarsia.runners.base import LinkLost

_BITS_PER_BYTE = 10  # start, eight data bits, stop
_POLL_SECONDS = 0.05
_STALL_SECONDS = 2.0
_CHUNK_BYTES = 1024
_ABSENT = {errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.ENOTDIR}
_BUSY = {errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK}


class SerialLink:
    """8N1 without flow control, as the firmware's UART; `port` is a device name, or a URL of a port in the network
    (``rfc2217://HOST:PORT``, ``socket://HOST:PORT``)."""

    lossy = True

    def __init__(self, port: str, baud: int) -> None:
        self.seconds_per_byte = _BITS_PER_BYTE / baud
        self._port, self._baud = port, baud
        self._serial = open_serial(port, baud)

    def read(self, max_bytes: int, timeout: float) -> bytes:
        """See `Link.read`."""
        deadline = time.monotonic() + timeout
        try:
            while True:
                data: bytes = self._serial.read(1)
                if data:
                    more = min(self._serial.in_waiting, max_bytes - 1)
                    return data + self._serial.read(more) if more > 0 else data
                if time.monotonic() >= deadline:
                    return b""
        except (OSError, TypeError) as error:  # TypeError: pyserial's, when a port is closed while it reads
            raise self._lost(error) from None

    def write(self, data: bytes, timeout: float) -> None:
        """See `Link.write`."""
        deadline = time.monotonic() + timeout
        try:
            for start in range(0, len(data), _CHUNK_BYTES):
                if start and time.monotonic() >= deadline:
                    raise self._stalled(timeout)
                self._serial.write(data[start : start + _CHUNK_BYTES])
        except serial.SerialTimeoutException:
            raise self._stalled(_STALL_SECONDS) from None
        except OSError as error:
            raise self._lost(error) from None

    def reopen(self, timeout: float) -> bool:
        """See `Link.reopen`. The port may be gone for a while, as when a board is reset or plugged in again."""
        deadline = time.monotonic() + timeout
        self.close()
        while True:
            with contextlib.suppress(StageError, EnvironmentMissing):
                self._serial = open_serial(self._port, self._baud)
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_SECONDS)

    def close(self, timeout: float = 5.0) -> int | None:
        """See `Link.close`. The firmware goes on, and has no exit code."""
        with contextlib.suppress(OSError):
            self._serial.close()
        return None

    def _stalled(self, seconds: float) -> StageError:
        return StageError(
            f"the device at {self._port} took no input for {seconds:g} s",
            hint="it may hang; reset it",
        )

    def _lost(self, error: Exception) -> LinkLost:
        number = getattr(error, "errno", None)
        reason = os.strerror(number) if number else str(error)
        return LinkLost(
            f"the device at {self._port} is gone ({reason})", hint="plug it in again; check cable and power"
        )


def open_serial(port: str, baud: int) -> Any:
    """An open pyserial port that nobody else can open.

    Raises EnvironmentMissing if it is absent or not permitted, and StageError if it is busy or no serial port.
    """
    own = None if "://" in port else True  # whoever serves a port in the network sees to that
    try:
        return serial.serial_for_url(
            port, baud, timeout=_POLL_SECONDS, write_timeout=_STALL_SECONDS, exclusive=own
        )
    except (OSError, ValueError) as error:
        raise _named(port, baud, error) from None


def _named(port: str, baud: int, error: Exception) -> StageError | EnvironmentMissing:
    number = getattr(error, "errno", None)
    if number in _ABSENT:
        return EnvironmentMissing(
            f"there is no port {port}",
            hint="`intarsia devices` lists what is connected; --wait S waits for it",
        )
    if number in (errno.EACCES, errno.EPERM):
        return EnvironmentMissing(
            f"no permission to open {port}",
            hint="sudo usermod -aG dialout $USER, then log in again",
        )
    if number in _BUSY or "exclusively lock" in str(error):
        return StageError(
            f"{port} is busy: another program has it open", hint="close the other program (a terminal?)"
        )
    return StageError(
        f"{port} cannot be opened at {baud} baud: {error}", hint="give a serial port of `intarsia devices`"
    )
