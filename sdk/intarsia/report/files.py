# SPDX-License-Identifier: Apache-2.0
"""The folder of a run: run.json, layers.csv, outputs.npz, samples.npz (for pictures), report.html and the firmware
project fw."""

from __future__ import annotations

import csv
import io
import json
import shutil
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from intarsia.errors import StageError, UsageError
from intarsia.measure import Measurement
from intarsia.report import html, pictures
from intarsia.report.document import RUN_FILE, Document
from intarsia.report.run import Run

RUN = RUN_FILE
LAYERS = "layers.csv"
OUTPUTS = "outputs.npz"
PROJECT = "fw"
PLAN = "plan.json"
PAGE = "report.html"


def write(run: Run, folder: Path) -> None:
    """Fills an empty folder.

    The project's build folder keeps nothing but the firmware: the rest names the place where it was built.
    """
    document = run.document()
    (folder / RUN).write_text(json.dumps(document.to_json(), indent=1) + "\n", encoding="utf-8")
    if document.plan is not None:
        (folder / PLAN).write_text(json.dumps(document.plan, indent=1) + "\n", encoding="utf-8")
    write_layers(document, folder / LAYERS)
    write_outputs(run, folder / OUTPUTS)
    if pictures.is_picture(run.dataset.inputs[0].shape[1:]):
        pictures.save(run.dataset.inputs[0], pictures.wanted(document), folder / pictures.FILE)
    (folder / PAGE).write_text(html.render(document, pictures.load(folder)), encoding="utf-8")
    project = run.built.project
    shutil.copytree(project.folder, folder / PROJECT, ignore=shutil.ignore_patterns("build", "*.log"))
    (folder / PROJECT / "build").mkdir()
    shutil.copy2(project.elf, folder / PROJECT / "build" / project.elf.name)


def write_layers(document: Document, path: Path) -> None:
    """One line per layer; `count` is empty where the board has no counter."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("index", "op", "name", "count", "unit", "macs"))
        for layer in document.latency.layers:
            writer.writerow(
                (layer.index, layer.op, layer.name, layer.count, document.latency.unit, layer.macs)
            )


def write_outputs(run: Run, path: Path) -> None:
    """Arrays `output_<i>` of the device and `reference_<i>`, both [N, *shape], and `labels` [N] if known."""
    arrays = _columns("output", run.measurement.outputs) | _columns("reference", run.expected)
    if run.labels is not None:
        arrays["labels"] = run.labels
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]


def write_measured(measured: Measurement, path: Path) -> None:
    """Arrays `output_<i>` [N, *shape] of the device."""
    stream = io.BytesIO()
    np.savez_compressed(stream, **_columns("output", measured.outputs))  # type: ignore[arg-type]
    replace_bytes(path, stream.getvalue())


def _columns(name: str, samples: list[list[np.ndarray]]) -> dict[str, np.ndarray]:
    return {f"{name}_{i}": np.stack(column) for i, column in enumerate(zip(*samples, strict=True))}


def check_replaceable(path: Path) -> None:
    """Raises UsageError when a file exists that is no model of ours, and for a missing folder."""
    if path.exists() and not _is_model(path):
        raise UsageError(
            f"{path} exists and was not made by Intarsia", hint="give another name, or remove it yourself"
        )
    if not path.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {path.absolute().parent}", hint="make it, or give another name")


def _is_model(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return "graph.json" in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def replace_text(path: Path, text: str) -> None:
    """Writes a file that is never half-written. Raises StageError when that is not possible."""
    replace_bytes(path, text.encode("utf-8", "replace"))


def replace_bytes(path: Path, content: bytes) -> None:
    """Writes a file that is never half-written. Raises StageError when that is not possible."""
    try:
        handle, name = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}-")
        scratch = Path(name)
        try:
            with open(handle, "wb") as stream:
                stream.write(content)
            scratch.chmod(0o644)
            scratch.replace(path)
        except OSError:
            scratch.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StageError(
            f"cannot write {path}: {error.strerror}",
            hint="give the name of a file in a folder you may write to",
        ) from None
