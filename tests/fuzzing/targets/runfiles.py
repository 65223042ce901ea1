# SPDX-License-Identifier: Apache-2.0
"""`run.json`: read, and shown as text, as a page and beside another run."""

from __future__ import annotations

import random
from pathlib import Path

from fuzzing import values
from fuzzing.target import Base, Case
from intarsia.report import compare, details, document, html
from support import runs


class Reader(Base):
    def __init__(self, folder: Path, foreign: bool) -> None:
        super().__init__()
        self._folder = folder
        self._runs = [runs.full_run(unit) for unit in ("instructions", "none")]
        self._other = document.Document.model_validate(self._runs[0])

    def draw(self, numbers: random.Random) -> Case:
        return Case("run.json", values.changed_text(numbers.choice(self._runs), numbers), "run")

    def run(self, case: Case) -> str:
        path = self._folder / case.name
        path.write_bytes(case.data)
        found = document.read(path)
        details.full_report(found)
        html.render(found, runs.pictures())
        compared = compare.compare(self._other, found, [], ("a", "b"))
        compare.report(compared)
        html.render_comparison(compared, [self._other, found])
        return "shown"
