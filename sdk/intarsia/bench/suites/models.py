# SPDX-License-Identifier: Apache-2.0
"""Whole networks against the incumbents' figures."""

from __future__ import annotations

from intarsia.bench import models
from intarsia.bench.suites import Result, Wanted
from intarsia.request import Watcher

SAMPLES = 2


def run(wanted: Wanted, watcher: Watcher) -> Result:
    rows = models.run(
        wanted.models,
        wanted.boards or models.DEFAULT_BOARDS,
        samples=wanted.samples or SAMPLES,
        watcher=watcher,
    )
    return Result(models.to_json(rows), models.to_text(rows))
