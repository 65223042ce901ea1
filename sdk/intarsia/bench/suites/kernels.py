# SPDX-License-Identifier: Apache-2.0
"""Single layers with shapes of real ones, on each board."""

from __future__ import annotations

from intarsia.bench import kernels
from intarsia.bench.suites import Result, Wanted
from intarsia.request import Watcher


def run(wanted: Wanted, watcher: Watcher) -> Result:
    rows = kernels.run(wanted.boards or kernels.DEFAULT_BOARDS, operators=wanted.operators, watcher=watcher)
    return Result(kernels.to_json(rows), kernels.to_text(rows))
