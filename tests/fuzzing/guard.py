# SPDX-License-Identifier: Apache-2.0
"""Runs one hostile case within limits and says what came of it."""

from __future__ import annotations

import contextlib
import re
import resource
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from intarsia.errors import IntarsiaError

SECONDS = 1.0
"""Processor time that a case may take; the time of the clock depends on who else is using the machine."""
BYTES = 1 << 30
"""Memory that a case may add to what the process holds."""
ADDRESS_SPACE = 6 << 30
BAD_INPUT = (2, 3)
"""Exit codes of what is refused: bad input, and limits that are not met."""


@dataclass(frozen=True)
class Outcome:
    """`what` came of a case. `fault`: what must not be, with the place that it comes from; None where all is well."""

    what: str
    fault: str | None = None


class Slow(BaseException):
    """Time is up. No reader can take it for an error of its own."""


def limit_address_space() -> None:
    """Lets an allocation that no machine could serve fail at once, in this process."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))


def run(case: Callable[[], str], exit_codes: Collection[int] = BAD_INPUT) -> Outcome:
    """Runs a case, which returns what it came to or raises. An IntarsiaError of one of the exit codes is an answer,
    everything else a fault, warnings too: nobody asked to see them."""
    before = _reset_peak()
    begun = time.process_time()
    try:
        with _alarm(), warnings.catch_warnings():
            warnings.simplefilter("error")
            outcome = Outcome(case())
    except IntarsiaError as error:
        outcome = _judged(error, exit_codes)
    except Slow:
        outcome = Outcome("slow", f"more than {SECONDS:g} s {_place()}")
    except Exception as error:
        outcome = Outcome("traceback", f"{type(error).__name__}: {_short(error)} {_place()}")
    seconds, peak = time.process_time() - begun, _status("VmHWM")
    if outcome.fault is None and seconds > SECONDS:
        return Outcome("slow", f"{seconds:.1f} s until {outcome.what}")
    if outcome.fault is None and peak - before > BYTES:
        return Outcome("memory", f"{(peak - before) >> 20} MiB until {outcome.what}")
    return outcome


def _judged(error: IntarsiaError, exit_codes: Collection[int]) -> Outcome:
    """A refusal, which has a message and says what kind of fault it is."""
    name = type(error).__name__
    if not error.message or error.exit_code not in exit_codes:
        return Outcome("wrong error", f"{name} of exit code {error.exit_code}: {_short(error)} {_place()}")
    return Outcome(f"refused: {name}")


def _short(error: Exception) -> str:
    return re.sub(r"\s+", " ", str(error))[:120]


def _place() -> str:
    """Where the innermost code of ours was."""
    frames = traceback.extract_tb(sys.exc_info()[2])
    ours = [f for f in frames if "/intarsia" in f.filename and "/tests/" not in f.filename] or frames[-1:]
    return " < ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in reversed(ours[-3:]))


@contextlib.contextmanager
def _alarm() -> Iterator[None]:
    def ring(number: int, frame: object) -> None:
        raise Slow

    previous = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)


def _reset_peak() -> int:
    """Forgets the most memory that the process has held; returns what it holds now, in bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _status(field: str) -> int:
    with open("/proc/self/status") as stream:
        line = next(text for text in stream if text.startswith(field))
    return int(line.split()[1]) * 1024
