# SPDX-License-Identifier: Apache-2.0
"""`.onnx` files: import, canonical form, check, kernels, arena, C files, reference."""

from __future__ import annotations

import random
import zlib
from pathlib import Path

from fuzzing import followed, seeds, values
from fuzzing.target import Base, Case
from intarsia.models import load_model
from support.onnxmutants import Mutator

FLIPPED = 0.3
COMPUTED = 4
"""One of so many accepted models is run in the reference."""


class Reader(Base):
    def __init__(self, folder: Path, foreign: bool) -> None:
        super().__init__()
        self._folder = folder
        self._files = seeds.onnx_models()

    def draw(self, numbers: random.Random) -> Case:
        data = numbers.choice(self._files)
        if numbers.random() < FLIPPED:
            return Case("model.onnx", values.changed_bytes(data, numbers), "bytes")
        return Case("model.onnx", Mutator(data, numbers.getrandbits(63)).mutant(), "structure and bytes")

    def run(self, case: Case) -> str:
        path = self._folder / case.name
        path.write_bytes(case.data)
        graph, number = load_model(path), zlib.crc32(case.data)
        reached = followed.generate(graph, number)
        if number // 64 % COMPUTED == 0:
            followed.compute(graph)
        return reached
