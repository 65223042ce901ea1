# SPDX-License-Identifier: Apache-2.0
"""What `intarsia bench` can measure: one file for each suite, found by scanning this folder."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from intarsia.errors import UsageError
from intarsia.request import Watcher

R = TypeVar("R")


@dataclass(frozen=True)
class Wanted:
    """What to measure, and with how many samples; empty: all, or the suite's own choice.

    `balances` and `shares` are lambdas and shares of outliers for the sweep of plans. Rows are kept in `csv` as they
    come; with `resume`, those that it has are not measured again. `folder`: of .tflite files, for the zoo.
    """

    models: Sequence[str] = ()
    operators: Sequence[str] = ()
    boards: Sequence[str] = ()
    samples: int | None = None
    device_samples: int = 1
    balances: Sequence[float] = ()
    shares: Sequence[float] = ()
    csv: Path | None = None
    resume: bool = False
    folder: Path | None = None


@dataclass(frozen=True)
class Result:
    """What a suite found, for programs and for people."""

    document: dict[str, Any]
    text: str


class Suite(Protocol):
    """Measures what is wanted and tells how it goes."""

    def __call__(self, wanted: Wanted, watcher: Watcher) -> Result: ...


def names() -> list[str]:
    """Of all suites."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(name: str) -> Suite:
    """The suite of that name. Raises UsageError."""
    if name not in names():
        raise UsageError(f"no benchmark '{name}'", hint=f"one of {', '.join(names())}")
    suite: Suite = importlib.import_module(f"{__name__}.{name}").run
    return suite


class Rows(Generic[R]):
    """Tells rows as they come, and keeps those so far in a file. Raises UsageError for --resume without one."""

    def __init__(
        self,
        wanted: Wanted,
        watcher: Watcher,
        read: Callable[[str], list[R]],
        write: Callable[[Sequence[R]], str],
        line: Callable[[R], str],
    ) -> None:
        if wanted.resume and wanted.csv is None:
            raise UsageError("--resume goes with --csv", hint="name the table to go on with")
        self.file, self.watcher, self.write, self.line = wanted.csv, watcher, write, line
        kept = wanted.resume and self.file is not None and self.file.is_file()
        self.rows: list[R] = read(self.file.read_text(encoding="utf-8")) if kept and self.file else []

    def __call__(self, row: R) -> None:
        self.rows.append(row)
        self.watcher.note(self.line(row))
        self.keep(self.rows)

    def keep(self, rows: Sequence[R]) -> None:
        """The file gets these rows."""
        if self.file is not None:
            self.file.write_text(self.write(rows), encoding="utf-8")
