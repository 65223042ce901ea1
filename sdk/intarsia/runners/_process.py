# SPDX-License-Identifier: Apache-2.0
"""A link to a firmware that runs as a child process: bounded waits, no process left behind."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from intarsia.errors import StageError
from intarsia.runners.base import LinkLost

if TYPE_CHECKING:
    from intarsia.boards import Board

_POLL_SECONDS = 0.05
_GRACE_SECONDS = 0.5
_LOG_TAIL_BYTES = 2000


class End(Protocol):
    """One end of a pipe, FIFO or socket."""

    def fileno(self) -> int:
        """Its descriptor."""

    def close(self) -> None:
        """Close it; harmless the second time."""


def scratch_folder() -> Path:
    """A new folder for one child process."""
    return Path(tempfile.mkdtemp(prefix="intarsia-"))


def require_file(elf: Path) -> Path:
    """The absolute path of a firmware; raises StageError if it is not there."""
    if not elf.is_file():
        raise StageError(f"there is no firmware at {elf}", hint="build it first")
    return elf.resolve()


def needs_no_flashing(board: Board) -> str:
    """What `flash` says for a firmware that runs as a process."""
    return f"{board.name} needs no flashing: `intarsia run` starts the firmware itself"


def start_process(command: Sequence[str], folder: Path, *, piped: bool = False) -> subprocess.Popen[bytes]:
    """Start `command` in `folder`, its messages going to ``folder/log``; it dies with the calling thread.

    With `piped`, its standard input and output are pipes. Raises StageError if it cannot be started.
    """
    with (folder / "log").open("wb") as log:
        try:
            return subprocess.Popen(
                [*_dying_with_parent(), *command],
                bufsize=0,
                cwd=folder,
                stdin=subprocess.PIPE if piped else subprocess.DEVNULL,
                stdout=subprocess.PIPE if piped else log,
                stderr=log,
                start_new_session=True,
            )
        except OSError as error:
            message = f"cannot start {command[0]}: {error.strerror}"
    shutil.rmtree(folder, ignore_errors=True)
    raise StageError(message, hint="build it for this computer")


def read_log(folder: Path) -> str:
    """The end of what the process has said."""
    try:
        return (folder / "log").read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace").strip()
    except OSError:
        return ""


def release(process: subprocess.Popen[bytes], ends: Sequence[End], folder: Path) -> None:
    """Stop the process if it runs, close the link, remove the folder."""
    if process.poll() is None:
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)  # and what it has started
        process.kill()
        process.wait()
    for end in ends:
        end.close()
    shutil.rmtree(folder, ignore_errors=True)


def _dying_with_parent() -> list[str]:
    """A command prefix that ties a child's life to the calling thread, where the system has one.

    Not a `preexec_fn`: forking while another thread computes deadlocks numerical libraries. The shell catches a parent
    that died before the tie was made.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return []
    unless_orphaned = '[ "$PPID" = "$1" ] || exit 1; shift; exec "$@"'
    return [setpriv, "--pdeathsig", "KILL", "--", "/bin/sh", "-c", unless_orphaned, "sh", str(os.getpid())]


class ProcessLink:
    """Reads and writes what a child process holds the other ends of; `folder` goes with it.

    `ends_on_eof` says whether the firmware notices that the writer was closed.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        reader: End,
        writer: End,
        folder: Path,
        *,
        lossy: bool = False,
        ends_on_eof: bool = True,
    ) -> None:
        self.lossy = lossy
        self.seconds_per_byte = 0.0
        self._process = process
        self._reader = reader
        self._writer = writer
        self._folder = folder
        self._ends_on_eof = ends_on_eof
        self._status: int | None = None
        self._finalizer = weakref.finalize(self, release, process, (reader, writer), folder)
        os.set_blocking(reader.fileno(), False)
        os.set_blocking(writer.fileno(), False)

    def read(self, max_bytes: int, timeout: float) -> bytes:
        """See `Link.read`."""
        deadline = time.monotonic() + timeout
        while True:
            gone = self._process.poll() is not None
            _wait(self._reader, select.POLLIN, deadline)
            try:
                data = os.read(self._reader.fileno(), max_bytes)
            except BlockingIOError:
                data = b""
            except ConnectionError:
                raise self._died() from None
            if data:
                return data
            if gone:
                raise self._died()
            if time.monotonic() >= deadline:
                return b""

    def write(self, data: bytes, timeout: float) -> None:
        """See `Link.write`."""
        deadline = time.monotonic() + timeout
        view = memoryview(data)
        while True:
            try:
                view = view[os.write(self._writer.fileno(), view) :]
            except BlockingIOError:
                pass
            except OSError:
                raise self._died() from None
            if not view:
                return
            if self._process.poll() is not None:
                raise self._died()
            if time.monotonic() >= deadline:
                raise StageError(
                    f"the firmware took no input for {timeout:g} s{self._said()}", hint="it may hang"
                )
            _wait(self._writer, select.POLLOUT, deadline)

    def reopen(self, timeout: float) -> bool:
        """A firmware that has ended does not come back."""
        return False

    def close(self, timeout: float = 5.0) -> int | None:
        """See `Link.close`."""
        if self._finalizer.alive:
            if self._ends_on_eof:
                self._writer.close()
            else:
                timeout = min(timeout, _GRACE_SECONDS)
            try:
                self._status = self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                self._status = None
            self._finalizer()
        return self._status

    def _died(self) -> LinkLost:
        try:
            ended = f"ended with exit code {self._process.wait(1.0)}"
        except subprocess.TimeoutExpired:
            ended = "closed its link"
        return LinkLost(f"the firmware {ended}{self._said()}", hint="build it again, or look at its messages")

    def _said(self) -> str:
        tail = read_log(self._folder)
        return f"; it said: {tail}" if tail else ""


def _wait(end: End, event: int, deadline: float) -> None:
    """Wait a moment for `event`; short enough to notice in time that a process has died."""
    seconds = min(deadline - time.monotonic(), _POLL_SECONDS)
    if seconds <= 0:
        return
    poller = select.poll()
    poller.register(end.fileno(), event)
    ready = poller.poll(seconds * 1000)
    if ready and not ready[0][1] & event:
        time.sleep(0.001)  # hung up, which poll() reports again at once, until the process is gone
