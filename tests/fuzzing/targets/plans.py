# SPDX-License-Identifier: Apache-2.0
"""`plan.json`: read, held against the network, lowered and emitted."""

from __future__ import annotations

import random
import zlib
from pathlib import Path
from typing import Any

from fuzzing import followed, seeds, values
from fuzzing.target import Base, Case
from intarsia import boards, planning
from intarsia.plan import patch, planfile
from intarsia.request import Patching

GRIDS = (((2, 2), "arena"), ((3, 1), "reader"))


class Reader(Base):
    def __init__(self, folder: Path, foreign: bool) -> None:
        super().__init__()
        self._folder = folder
        self._graphs = [graph for graph, _ in seeds.graphs()]
        self._plans: list[tuple[int, Any]] = []
        for number, (graph, own) in enumerate(seeds.graphs()):
            cut = [own] if own else [patch.choose(graph, input_mode=mode, grid=grid) for grid, mode in GRIDS]
            self._plans += [
                (number, plan.to_json()) for plan in (*cut, *([] if own else [patch.unpatched(graph)]))
            ]

    def draw(self, numbers: random.Random) -> Case:
        number, document = numbers.choice(self._plans)
        return Case(f"{number}.json", values.changed_text(document, numbers), "plan")

    def run(self, case: Case) -> str:
        path = self._folder / "plan.json"
        path.write_bytes(case.data)
        graph = self._graphs[int(case.name.split(".")[0])]
        plan = planning.plan_for(graph, boards.load("host"), Patching(file=path), None)
        assert plan is not None
        planfile.to_text(plan)
        return followed.generate(graph, zlib.crc32(case.data), plan)
