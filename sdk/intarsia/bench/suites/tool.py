# SPDX-License-Identifier: Apache-2.0
"""How fast this tool itself is."""

from __future__ import annotations

from intarsia.bench import tool
from intarsia.bench.suites import Result, Wanted
from intarsia.request import Watcher


def run(wanted: Wanted, watcher: Watcher) -> Result:
    timings = tool.run()
    return Result(tool.to_json(timings), tool.to_text(timings))
