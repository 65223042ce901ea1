# SPDX-License-Identifier: Apache-2.0
"""Frames of the digits96 task: a handwritten digit somewhere in a cluttered 96x96 grey picture.

All arithmetic is on integers, so that a seed gives the same pixels on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FRAME = 96
CLASSES = 10
SMALLEST, LARGEST = 24, 64
GREY_STEP = 17  # 16 grey levels, 0 to 255: few levels keep the stored frames small

_SOURCE = 8
_SOURCE_MAX = 16
_WEIGHT_BITS = 8
_ROWS, _COLUMNS = np.mgrid[0:FRAME, 0:FRAME].astype(np.int64)

Grey = npt.NDArray[np.int64]
Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Digits:
    """Source digits: `images` [N,8,8] with values 0 to 16, `labels` [N] with values 0 to 9."""

    images: Grey
    labels: Labels


def load_sources() -> dict[str, Digits]:
    """Return the digits of scikit-learn in three parts, train, calib and test, that share none."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 - the stored frames are of use without it

    source = load_digits()
    images = source.images.astype(np.int64)
    labels = source.target.astype(np.int32)
    order = np.random.default_rng(1797).permutation(len(labels))
    parts = {"test": order[:300], "calib": order[300:400], "train": order[400:]}
    return {name: Digits(images[indices], labels[indices]) for name, indices in parts.items()}


def make_frames(digits: Digits, count: int, seed: int) -> tuple[Pixels, Labels]:
    """Return frames [count,96,96,1] and labels [count]; frame i shows digit i modulo the number of digits."""
    rng = np.random.default_rng(seed)
    frames = np.empty((count, FRAME, FRAME, 1), dtype=np.uint8)
    labels = np.empty(count, dtype=np.int32)
    for index in range(count):
        source = index % len(digits.labels)
        frames[index, :, :, 0] = compose(rng, clutter(rng), digits.images[source])
        labels[index] = digits.labels[source]
    return frames, labels


def compose(rng: np.random.Generator, background: Grey, digit: Grey) -> Pixels:
    """Draw `digit` [8,8] at a random size, place and brightness over `background` [96,96]."""
    size = int(rng.integers(SMALLEST, LARGEST + 1))
    top, left = (int(v) for v in rng.integers(0, FRAME - size + 1, size=2))
    brightness = int(rng.integers(190, 256))
    ink = enlarge(digit, size)
    frame = background.copy()
    window = frame[top : top + size, left : left + size]
    window += (brightness - window) * ink >> _WEIGHT_BITS
    levels = (np.clip(frame, 0, 255) + GREY_STEP // 2) // GREY_STEP
    return (levels * GREY_STEP).astype(np.uint8)


def enlarge(digit: Grey, size: int) -> Grey:
    """Resize [8,8] to [size,size], bilinear with black around; returns opacity from 0 to 256."""
    twice_centres = (2 * np.arange(size) + 1) * _SOURCE
    positions = (twice_centres << _WEIGHT_BITS) // (2 * size) + (1 << _WEIGHT_BITS) // 2
    low = positions >> _WEIGHT_BITS
    fraction = positions & ((1 << _WEIGHT_BITS) - 1)
    weights = np.zeros((size, _SOURCE + 2), dtype=np.int64)
    weights[np.arange(size), low] = (1 << _WEIGHT_BITS) - fraction
    weights[np.arange(size), low + 1] += fraction
    inner = weights[:, 1:-1]
    return (inner @ digit @ inner.T // _SOURCE_MAX) >> _WEIGHT_BITS


def clutter(rng: np.random.Generator) -> Grey:
    """Return a background [96,96] of blobs, lines and specks, all darker than the digits."""
    frame = np.full((FRAME, FRAME), int(rng.integers(0, 50)), dtype=np.int64)
    for _ in range(int(rng.integers(1, 4))):
        frame += _blob(rng)
    for _ in range(int(rng.integers(1, 5))):
        frame = np.where(_line(rng), int(rng.integers(30, 120)), frame)
    specks = rng.integers(0, 256, size=(FRAME, FRAME), dtype=np.uint8) < int(rng.integers(0, 8))
    return np.clip(frame, 0, 110) + specks * int(rng.integers(20, 60))


def _blob(rng: np.random.Generator) -> Grey:
    """A round spot that fades with the square of the distance from its centre."""
    row, column = rng.integers(0, FRAME, size=2)
    radius = int(rng.integers(6, 30))
    height = int(rng.integers(20, 70))
    distance = (_ROWS - row) ** 2 + (_COLUMNS - column) ** 2
    spot: Grey = np.maximum(height * (radius**2 - distance) // radius**2, 0)
    return spot


def _line(rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """The pixels of a straight stroke, one to three wide; none if it has no direction."""
    row, column = rng.integers(0, FRAME, size=2)
    down, right = rng.integers(-20, 21, size=2)
    width = int(rng.integers(1, 4))
    offset = (_ROWS - row) * right - (_COLUMNS - column) * down
    stroke: npt.NDArray[np.bool_] = 4 * offset**2 < width**2 * (down**2 + right**2)
    return stroke
