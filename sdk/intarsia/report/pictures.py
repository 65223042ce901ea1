# SPDX-License-Identifier: Apache-2.0
"""Inputs that can be looked at, kept beside a run (`samples.npz`) and drawn into its page."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from intarsia.archives import DAMAGED
from intarsia.errors import UsageError
from intarsia.report.document import Document

FILE = "samples.npz"
SMALLEST_SIDE = 8
LARGEST_SIDE = 256
"""Pixels; larger pictures are made smaller for the page."""
MAX_BYTES = 64 << 20
CHANNELS = (1, 3)

Pictures = Mapping[int, np.ndarray]
"""Pictures [rows, columns, channels] as uint8, by the number of the sample."""


def is_picture(shape: Sequence[int]) -> bool:
    """Whether an input is one picture, grey or RGB: NHWC with a batch of 1 and sides that can be recognised."""
    return (
        len(shape) == 4
        and shape[0] == 1
        and shape[3] in CHANNELS
        and min(shape[1:3]) >= SMALLEST_SIDE
        and max(shape[1:3]) <= 1 << 12
    )


def wanted(document: Document) -> list[int]:
    """Numbers of the samples that the page shows: the first one under the patches, and the worst."""
    worst = document.classification.worst if document.classification else ()
    return list(dict.fromkeys([0, *(sample.index for sample in worst)]))


def save(inputs: np.ndarray, numbers: Sequence[int], path: Path) -> None:
    """Keeps the samples `numbers` of inputs [N, 1, rows, columns, channels] of any type."""
    chosen = [number for number in numbers if number < len(inputs)]
    pictures = np.stack([to_bytes(inputs[number]) for number in chosen])
    np.savez_compressed(path, index=np.array(chosen, np.int64), picture=pictures)


def to_bytes(sample: np.ndarray) -> np.ndarray:
    """A sample [1, rows, columns, channels] as uint8 [rows, columns, channels]: codes of 8 bits as they are, with int8
    moved to 0..255; anything else spread over its own range."""
    picture = sample.reshape(sample.shape[-3:])
    if picture.dtype == np.uint8:
        return picture
    if picture.dtype == np.int8:
        return (picture.view(np.uint8) ^ np.uint8(0x80)).astype(np.uint8)
    real = np.nan_to_num(picture.astype(np.float64), posinf=0.0, neginf=0.0)
    low, high = real.min(initial=0.0), real.max(initial=0.0)
    spread: np.ndarray = np.round(255.0 * (real - low) / max(high - low, 1e-30)).astype(np.uint8)
    return spread


def load(run: Path) -> Pictures:
    """The pictures beside a run.json, or none. Raises UsageError when the file is damaged."""
    path = (run if run.is_dir() else run.parent) / FILE
    if not path.is_file():
        return {}
    try:
        if path.stat().st_size > MAX_BYTES or _unpacked(path) > MAX_BYTES:
            raise ValueError("it is too large")
        with np.load(path, allow_pickle=False) as arrays:
            numbers, pictures = arrays["index"], arrays["picture"]
        if pictures.dtype != np.uint8 or pictures.ndim != 4 or not is_picture((1, *pictures.shape[1:])):
            raise ValueError(f"pictures are {pictures.dtype}{list(pictures.shape)}")
        return {int(number): picture for number, picture in zip(numbers, pictures, strict=True)}
    except DAMAGED as error:
        raise UsageError(
            f"{path} is damaged: {error}", hint="make the run again, or remove the file"
        ) from None


def _unpacked(path: Path) -> int:
    with zipfile.ZipFile(path) as archive:
        return sum(entry.file_size for entry in archive.infolist())


def data_uri(picture: np.ndarray, side: int = LARGEST_SIDE) -> str:
    """A picture [rows, columns, channels] as a PNG inside a URI, at most `side` pixels wide and high."""
    from PIL import Image

    image = Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture)
    if max(image.size) > side:
        image.thumbnail((side, side), Image.Resampling.BILINEAR)
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
