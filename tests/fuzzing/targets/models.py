# SPDX-License-Identifier: Apache-2.0
"""`.tflite` files: import, canonical form, check, kernels, arena, patches, C files, reference; and `analyze`."""

from __future__ import annotations

import contextlib
import random
import zlib
from pathlib import Path

from fuzzing import followed, schematree, seeds, values
from fuzzing.target import Base, Case
from intarsia import analyze
from intarsia.errors import ModelError
from intarsia.importers import tflite
from intarsia.models import canonical

FLIPPED = 0.25
"""Share of cases whose bytes are changed; in the others it is what the schema says."""
PATCHED, COMPUTED = 4, 4
"""One of so many accepted models is cut into patches, and one of so many is run in the reference."""


class Reader(Base):
    def __init__(self, folder: Path, foreign: bool) -> None:
        super().__init__()
        found = seeds.models(foreign=foreign)
        self._files = [data for _, data in found]
        self._trees = [schematree.unpacked(data) for data in self._files]
        self._mutator = schematree.Mutator(self._trees)

    def draw(self, numbers: random.Random) -> Case:
        place, kind = numbers.randrange(len(self._files)), numbers.random()
        if kind < FLIPPED:
            return Case("model.tflite", values.changed_bytes(self._files[place], numbers), "bytes")
        data = self._mutator.change(self._trees[place], numbers)
        if kind < FLIPPED + 0.05:
            return Case("model.tflite", values.changed_bytes(data, numbers, 1), "schema and bytes")
        return Case("model.tflite", data, "schema")

    def run(self, case: Case) -> str:
        number = zlib.crc32(case.data)
        try:
            graph = canonical(tflite.parse(case.data, name="model"))
        except ModelError:
            with contextlib.suppress(ModelError):
                whole = tflite.parse(case.data, name="model", partial=True)
                analyze.layers(whole, analyze.faults(whole))
            raise
        reached = followed.generate(graph, number)
        if number // 8 % PATCHED == 0:
            followed.cut(graph, number)
        if number // 64 % COMPUTED == 0:
            followed.compute(graph)
        return reached
