# SPDX-License-Identifier: Apache-2.0
"""Ways to run a firmware. Each module of this folder that defines RUNNER is one; its name is the kind."""

from __future__ import annotations

import importlib
import pkgutil

from intarsia.errors import UsageError
from intarsia.runners._options import did_you_mean
from intarsia.runners.base import ANYWHERE, Link, Place, Runner

__all__ = ["ANYWHERE", "Link", "Place", "Runner", "find_runner", "runner_kinds"]


def runner_kinds() -> tuple[str, ...]:
    """The kinds that a board may name."""
    modules = (m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))
    return tuple(sorted(name for name in modules if name != "base"))


def find_runner(kind: str) -> Runner:
    """The runner of that kind; raises UsageError if there is none."""
    if kind not in runner_kinds():
        raise UsageError(f"no runner '{kind}'", hint=did_you_mean(kind, list(runner_kinds())))
    runner: Runner = importlib.import_module(f"{__name__}.{kind}").RUNNER
    return runner
