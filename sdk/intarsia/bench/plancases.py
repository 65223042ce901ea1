# SPDX-License-Identifier: Apache-2.0
"""The networks whose plans are compared, and their samples (`plans.toml`)."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from intarsia import assets
from intarsia.bench.models import data_folder
from intarsia.errors import UsageError
from intarsia.request import Budget, DataSource, Objective

KIB = 1024


@dataclass(frozen=True)
class Case:
    """A network with what chooses and what judges its plans. `ram` in bytes; `resize`: pixels of an image's side."""

    name: str
    model: Path
    calib: DataSource
    test: DataSource
    ram: int
    input: str
    resize: int | None = None

    @property
    def budget(self) -> Budget:
        """Kernels are those of the fewest instructions: with weights of 4 bits, smaller ones take longer."""
        return Budget(ram=self.ram, objective=Objective.SPEED)


def known() -> dict[str, dict[str, Any]]:
    """The entries of `plans.toml` by model."""
    text = resources.files(__package__).joinpath("plans.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def load(names: Sequence[str], samples: int | None = None) -> list[Case]:
    """The cases of these names, or all. `samples`: at most so many judge (None: all).

    Raises UsageError for names that are not known and files that are not there.
    """
    entries = known()
    if unknown := set(names) - set(entries):
        raise UsageError(f"no plans for '{sorted(unknown)[0]}'", hint=f"known: {', '.join(entries)}")
    return [_case(name, entries[name], samples) for name in (names or entries)]


def _case(name: str, entry: dict[str, Any], samples: int | None) -> Case:
    if "example" in entry:
        folder = data = assets.root() / "examples" / entry["example"]
    else:
        folder, data = data_folder() / "models", data_folder() / "datasets"
    model = folder / f"{name}.tflite"
    if not model.is_file():
        raise UsageError(f"{name}: no such file: {model}", hint="choose networks with --model")

    def source(part: str, limit: int | None) -> DataSource:
        return DataSource(
            data / entry[part],
            entry.get("input_scale"),
            entry.get("input_offset", 0.0),
            entry.get("label_column"),
            limit,
        )

    ram = int(entry["ram"].removesuffix("K")) * KIB
    return Case(
        name, model, source("calib", None), source("test", samples), ram, entry["input"], entry.get("resize")
    )


def resized(source: DataSource, side: int | None, folder: Path) -> DataSource:
    """The source with its images [N, H, W, 3] made `side` x `side` with bilinear filtering, in a file of `folder`."""
    if side is None:
        return source
    from PIL import Image

    with np.load(source.path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    form = (side, side)
    arrays["x"] = np.stack(
        [np.asarray(Image.fromarray(image).resize(form, Image.Resampling.BILINEAR)) for image in arrays["x"]]
    )
    path = folder / source.path.name
    np.savez(path, allow_pickle=False, **arrays)
    return DataSource(path, source.input_scale, source.input_offset, source.label_column, source.limit)
