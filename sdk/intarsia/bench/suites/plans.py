# SPDX-License-Identifier: Apache-2.0
"""Plans of whole networks compared: accuracy, BitOPs, memory, instructions."""

from __future__ import annotations

from intarsia.bench import plans, plantable
from intarsia.bench.suites import Result, Rows, Wanted
from intarsia.request import Watcher


def run(wanted: Wanted, watcher: Watcher) -> Result:
    told = Rows(wanted, watcher, plantable.from_csv, plantable.to_csv, plantable.line)
    rows = plans.run(
        wanted.models,
        next(iter(wanted.boards), plans.DEFAULT_BOARD),
        samples=wanted.samples,
        device_samples=wanted.device_samples,
        chosen=plans.variants(wanted.balances or plans.BALANCES, wanted.shares or plans.OUTLIER_SHARES),
        watcher=watcher,
        told=told,
        done=tuple(told.rows),
    )
    told.keep(rows)
    return Result(plantable.to_json(rows), plantable.to_text(rows))
