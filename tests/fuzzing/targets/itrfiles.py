# SPDX-License-Identifier: Apache-2.0
"""`model.itr`: an archive with a graph in JSON and arrays."""

from __future__ import annotations

import io
import json
import random
import zipfile
import zlib
from pathlib import Path

from fuzzing import followed, seeds, values
from fuzzing.target import Base, Case
from intarsia import modelfile, planning
from intarsia.importers import tflite
from intarsia.models import canonical, load_model
from intarsia.request import Patching
from support import variables


class Reader(Base):
    def __init__(self, folder: Path, foreign: bool) -> None:
        super().__init__()
        self._folder = folder
        graphs = [graph for graph, _ in seeds.graphs()]
        graphs += [canonical(tflite.parse(content, name="states")) for content in variables.examples()]
        self._files = [modelfile.to_bytes(graph) for graph in graphs]

    def draw(self, numbers: random.Random) -> Case:
        content = numbers.choice(self._files)
        if numbers.random() < 0.15:
            return Case("model.itr", values.changed_bytes(content, numbers), "bytes")
        return Case("model.itr", _members_changed(content, numbers), "members")

    def run(self, case: Case) -> str:
        path = self._folder / case.name
        path.write_bytes(case.data)
        graph = load_model(path)
        plan = planning.own_plan(graph, Patching()) if graph.classes else None
        reached = followed.generate(graph, zlib.crc32(case.data), plan)
        if graph.classes is None and zlib.crc32(case.data) // 64 % 4 == 0:
            followed.compute(graph)
        return reached


def _members_changed(content: bytes, numbers: random.Random) -> bytes:
    """The archive with its graph changed, or one of its arrays."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(stream, "w") as target:
        names = source.namelist()
        chosen = "graph.json" if numbers.random() < 0.8 else numbers.choice(names)
        for name in names:
            member = source.read(name)
            if name == chosen:
                if name.endswith(".json"):
                    member = values.changed_text(json.loads(member), numbers)
                else:
                    member = values.changed_bytes(member, numbers, 2)
            if name != chosen or numbers.random() < 0.95:
                target.writestr(name, member)
    return stream.getvalue()
