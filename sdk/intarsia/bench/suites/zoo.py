# SPDX-License-Identifier: Apache-2.0
"""Every model of a folder: whether it runs, how exactly, in how much memory."""

from __future__ import annotations

from intarsia.bench import zoo
from intarsia.bench.suites import Result, Rows, Wanted
from intarsia.request import Watcher

SAMPLES = 2


def run(wanted: Wanted, watcher: Watcher) -> Result:
    told = Rows(wanted, watcher, zoo.from_csv, zoo.to_csv, zoo.line)
    rows = zoo.run(
        wanted.models,
        wanted.boards or zoo.DEFAULT_BOARDS,
        folder=wanted.folder,
        samples=wanted.samples or SAMPLES,
        watcher=watcher,
        told=told,
        done=tuple(told.rows),
    )
    told.keep(rows)
    return Result(zoo.to_json(rows), zoo.to_text(rows))
