# SPDX-License-Identifier: Apache-2.0
"""Samples: `.npz` files, images of every kind that is read, and tables of labels."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fuzzing import seeds, values
from fuzzing.target import Base, Case
from intarsia import data
from intarsia.dtypes import FLOAT32, INT8
from intarsia.ir import Quantization, Tensor
from support import small

SHAPE = (1, small.SIZE, small.SIZE, 3)
INPUTS = (
    Tensor("codes", SHAPE, INT8, Quantization((0.05,), (3,))),
    Tensor("reals", SHAPE, FLOAT32),
)
FORMATS = ("png", "jpeg", "bmp", "gif", "ppm", "webp")
TABLE = "file,label\n" + "".join(f"{i}.png,{i % 5}\n" for i in range(8))
HEADERS = (
    b"{'descr': '|i1', 'fortran_order': False, 'shape': (1073741824, 12, 12, 3), }",
    b"{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 12, 12, 3), }",
    b"{'descr': '|O', 'fortran_order': False, 'shape': (8, 12, 12, 3), }",
    b"{'descr': '<c16', 'fortran_order': True, 'shape': (8, 12, 12, 3), }",
    b"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (8,), }",
    b"{'descr': '<f4', 'fortran_order': False, 'shape': " + b"(" * 500 + b")" * 500 + b", }",
    b"__import__('os').getcwd()",
)


class Reader(Base):
    def __init__(self, folder: Path, foreign: bool) -> None:
        super().__init__()
        self._folder = folder
        self._archives = [_archive(x, compress) for x in seeds.arrays() for compress in (False, True)]
        self._images = {kind: _image(kind) for kind in FORMATS}

    def draw(self, numbers: random.Random) -> Case:
        ways: tuple[Callable[[random.Random], Case], ...] = (
            self._bytes,
            self._array,
            self._picture,
            self._labels,
        )
        return numbers.choice(ways)(numbers)

    def _bytes(self, numbers: random.Random) -> Case:
        return Case("x.npz", values.changed_bytes(numbers.choice(self._archives), numbers), "archive, bytes")

    def _array(self, numbers: random.Random) -> Case:
        """A whole archive around arrays whose headers or names are not what they should be."""
        content = io.BytesIO()
        kind = numbers.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
        with zipfile.ZipFile(content, "w", kind) as archive:
            for name in ("x.npy", "y.npy", "name.npy")[: numbers.randint(1, 3)]:
                member = _npy(numbers.choice(seeds.arrays())[: 8 if name == "x.npy" else 1])
                if numbers.random() < 0.7:
                    member = _header(numbers.choice(HEADERS)) if numbers.random() < 0.5 else member
                    member = values.changed_bytes(member[:128], numbers, 2) + member[128:]
                archive.writestr(name if numbers.random() < 0.9 else "../" + name, member)
        return Case("x.npz", content.getvalue(), "array in an archive")

    def _picture(self, numbers: random.Random) -> Case:
        kind = numbers.choice(FORMATS)
        changed = values.changed_bytes(self._images[kind], numbers)
        return Case(f"image.{kind}", changed, "image")

    def _labels(self, numbers: random.Random) -> Case:
        return Case("labels.csv", values.changed_bytes(TABLE.encode(), numbers), "labels")

    def run(self, case: Case) -> str:
        for path in self._folder.iterdir():
            path.unlink()
        (self._folder / case.name).write_bytes(case.data)
        tensor = INPUTS[len(case.data) % len(INPUTS)]
        if case.name.endswith(".npz"):
            found = data.load(
                self._folder / case.name, tensor, input_scale=(None, 0.1)[len(case.data) // 2 % 2]
            )
        else:
            if case.name == data.LABELS_FILE:
                for number in range(8):
                    (self._folder / f"{number}.png").write_bytes(self._images["png"])
            found = data.load(self._folder, tensor, input_scale=0.1)
        assert all(x.dtype == tensor.dtype.numpy and x.shape[1:] == SHAPE for x in found.inputs)
        return "read"


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def _header(text: bytes) -> bytes:
    padded = text + b" " * 16 + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(padded)) + padded + bytes(64)


def _archive(x: np.ndarray, compress: bool) -> bytes:
    stream = io.BytesIO()
    (np.savez_compressed if compress else np.savez)(stream, x=x, y=np.arange(len(x)))
    return stream.getvalue()


def _image(kind: str) -> bytes:
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (24, 20, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format=kind.upper())
    return stream.getvalue()
