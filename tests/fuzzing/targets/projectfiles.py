# SPDX-License-Identifier: Apache-2.0
"""`intarsia.json` of a firmware project: opened, and an answer of a device held against it."""

from __future__ import annotations

import random
from pathlib import Path

from fuzzing import values
from fuzzing.target import Base, Case
from intarsia import build, measure
from support import projects


class Reader(Base):
    exit_codes = (1, 2)

    def __init__(self, folder: Path, foreign: bool) -> None:
        super().__init__()
        self._folder = folder
        self._document = projects.description()

    def draw(self, numbers: random.Random) -> Case:
        return Case(build.MARKER, values.changed_text(self._document, numbers), "project")

    def run(self, case: Case) -> str:
        (self._folder / case.name).write_bytes(case.data)
        project = build.open_project(self._folder)
        (output,) = measure.split_outputs(bytes(5), project)
        assert output.size == 5
        return "opened"
