# SPDX-License-Identifier: Apache-2.0
"""What goes to the terminal: results to stdout, progress to stderr."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress

    from intarsia.monitor import View

REFRESHES = 8  # a second
PIPED_WIDTH = 160
LINE_SECONDS = 5.0
"""Without a terminal, progress inside a stage is told this often."""


@dataclass
class Settings:
    """How much is said: `verbosity` is the number of -v minus the number of -q. `command` is the command line."""

    verbosity: int = 0
    progress: bool = True
    command: str = ""


settings = Settings()


def paint(text: str, color: str) -> str:
    """Text in an ANSI colour where stderr is a terminal and NO_COLOR is not set."""
    wanted = sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return f"\x1b[{color}m{text}\x1b[0m" if wanted else text


def printable(text: str) -> str:
    """Text, which may come from a file, without what would steer a terminal; lines stay lines."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


class Console(AbstractContextManager["Console"]):
    """Prints results, and watches the stages of a command."""

    def __init__(
        self, verbose: int = 0, quiet: int = 0, progress: bool = True, as_json: bool = False
    ) -> None:
        settings.verbosity, settings.progress = verbose - quiet, progress
        self.as_json = as_json
        self._shown = progress and settings.verbosity >= 0
        self._timed = settings.verbosity > 0
        self._stage, self._started, self._told = "", 0.0, 0.0
        self._bars: Progress | None = None
        self._bar: Any = None
        for stream in (sys.stdout, sys.stderr):
            _never_fail_to_encode(stream)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def result(self, document: dict[str, Any], text: str) -> None:
        """Prints the result: one JSON document or text."""
        self.close()
        print(json.dumps(document, indent=1, allow_nan=False) if self.as_json else text)

    def frame(self, event: dict[str, Any]) -> None:
        """Prints one JSON line at once."""
        print(json.dumps(event, allow_nan=False), flush=True)

    @contextlib.contextmanager
    def live(self, stream: bool) -> Iterator[Callable[[View, dict[str, Any]], None]]:
        """Shows a view as it changes: JSON lines, a table kept up to date on a terminal, or else one at the end."""
        if stream:
            yield lambda _, event: self.frame(event)
            return
        from rich.console import Console as Terminal
        from rich.live import Live

        from intarsia.report import live

        seen: list[View] = []
        terminal = Terminal(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
        if not sys.stdout.isatty():
            yield lambda view, _: seen.append(view)
            if seen:
                terminal.print(live.view(seen[-1]))
            return
        with Live(console=terminal, refresh_per_second=REFRESHES) as table:
            yield lambda view, _: table.update(live.view(view))

    def note(self, text: str) -> None:
        """Says something beside the result, unless asked to be quiet."""
        if settings.verbosity >= 0:
            print(printable(text), file=sys.stderr)

    def stage(self, name: str) -> None:
        """A stage begins, and the one before has ended."""
        self._end_stage()
        self._stage, self._started, self._told = name, time.monotonic(), time.monotonic()
        if not self._shown:
            return
        if sys.stderr.isatty():
            self._start_bar(name)
        elif not self._timed:
            self._line(f"{printable(name)} ...")

    def progress(self, done: int, total: int) -> None:
        """`done` of `total` steps of the stage are done."""
        if self._bars is not None:
            self._bars.update(self._bar, completed=done, total=total)
        elif self._shown and time.monotonic() - self._told >= LINE_SECONDS:
            self._told = time.monotonic()
            left = (total - done) * (self._told - self._started) / done if done else None
            estimate = "" if left is None else f", about {left:,.0f} s left"
            self._line(f"{printable(self._stage)}: {done} of {total}{estimate}")

    def close(self) -> None:
        """Ends the last stage and takes the bars away."""
        self._end_stage()
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def _end_stage(self) -> None:
        if self._stage and self._timed:
            self._line(f"{printable(self._stage)}: {time.monotonic() - self._started:.2f} s")
        self._stage = ""

    def _line(self, text: str) -> None:
        if self._bars is not None:
            self._bars.console.print(text, markup=False, highlight=False)
        else:
            print(text, file=sys.stderr, flush=True)

    def _start_bar(self, name: str) -> None:
        from rich.console import Console as Terminal
        from rich.markup import escape
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        if self._bars is None:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
            )
            self._bars = Progress(*columns, console=Terminal(stderr=True), transient=True)
            self._bars.start()
        if self._bar is not None:
            self._bars.remove_task(self._bar)
        self._bar = self._bars.add_task(escape(printable(name)), total=None)


def _never_fail_to_encode(stream: TextIO) -> None:
    """A terminal that cannot show a character shows a question mark."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")
