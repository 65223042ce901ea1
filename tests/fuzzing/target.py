# SPDX-License-Identifier: Apache-2.0
"""What a reader that is fuzzed provides. A new one is one file in `targets/` with a class `Reader`."""

from __future__ import annotations

import collections
import importlib
import pkgutil
import random
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fuzzing import guard


@dataclass(frozen=True)
class Case:
    """Hostile content of a file called `name`, and the `way` in which it was made."""

    name: str
    data: bytes
    way: str = ""


class Base:
    """What most targets have."""

    exit_codes: Collection[int] = guard.BAD_INPUT
    limited = True

    def __init__(self) -> None:
        self.tally: collections.Counter[str] = collections.Counter()


class Target(Protocol):
    """One reader of files or bytes from anywhere. `tally` counts what cases hold, where that says more than how many
    there were; `exit_codes` are those of errors that are right answers. `limited`: its address space can be limited, as
    it starts no program with sanitizers, whose shadow memory is larger than any machine."""

    tally: collections.Counter[str]
    exit_codes: Collection[int]
    limited: bool

    def draw(self, numbers: random.Random) -> Case:
        """A hostile case; the same numbers make the same one."""

    def run(self, case: Case) -> str:
        """Reads a case and does what follows, as far as it goes; says how far. Raises what the reader raises."""


def names() -> tuple[str, ...]:
    """All targets, sorted."""
    from fuzzing import targets

    return tuple(sorted(module.name for module in pkgutil.iter_modules(targets.__path__)))


def load(name: str, folder: Path, *, foreign: bool = True) -> Target:
    """The target of that name; it may write into `folder`. `foreign`: it may start from files of other people."""
    target: Target = importlib.import_module(f"fuzzing.targets.{name}").Reader(folder, foreign)
    return target
