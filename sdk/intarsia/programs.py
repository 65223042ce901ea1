# SPDX-License-Identifier: Apache-2.0
"""Programs of others as child processes: bounded in time, and with all that they have started gone at the end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from intarsia.errors import StageError
from intarsia.runners.base import find_tool

VERSION_SECONDS = 20.0
GRACE_SECONDS = 1.0


class TimedOut(StageError):
    """A program did not finish in time; `said` is what it had printed by then."""

    def __init__(self, message: str, said: str) -> None:
        super().__init__(message, hint="it hangs, or this computer is very busy: try it by hand")
        self.said = said


@dataclass(frozen=True)
class Finished:
    """Exit code and what a program printed."""

    code: int
    out: str
    err: str


def run(
    command: Sequence[str],
    seconds: float,
    *,
    label: str | None = None,
    folder: Path | None = None,
    variables: Mapping[str, str] | None = None,
    sent: bytes = b"",
    merged: bool = False,
) -> Finished:
    """Runs a program, in `folder`, with `variables` added to the environment and `sent` as its input.

    With `merged`, its errors are in `out` too. Raises StageError when it cannot be started, and TimedOut after
    `seconds`; it is called `label` there. What it has started itself does not outlive that, nor Ctrl-C.
    """
    name = label or Path(command[0]).name
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **(variables or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merged else subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise StageError(
            f"cannot start {name}: {error.strerror}", hint=f"install {Path(command[0]).name} again"
        ) from None
    with process:
        try:
            out, err = process.communicate(sent, timeout=seconds)
        except subprocess.TimeoutExpired as error:
            _end(process)
            raise TimedOut(f"{name} did not finish within {seconds:g} s", _text(error.stdout)) from None
        except BaseException:
            _end(process)
            raise
    return Finished(process.returncode, _text(out), _text(err))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process and its group; asked first, build tools end what they have put into groups of their own."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError, subprocess.TimeoutExpired):
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(GRACE_SECONDS)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()


def _text(output: bytes | None) -> str:
    return (output or b"").decode(errors="replace")


def version(program: str) -> str | None:
    """First line of what a program says about its version; None when it is not installed."""
    path = find_tool(program)
    if path is None:
        return None
    try:
        lines = run([path, "--version"], VERSION_SECONDS).out.splitlines()
    except StageError:
        return path
    return lines[0].strip() if lines else path
