# SPDX-License-Identifier: Apache-2.0
"""Statistics of every feature map over calibration samples, and the file they are kept in (`calib.npz`).

Histograms have bins of a power of two, so that a wider range merges neighbouring bins without loss: the
result does not depend on the order of the samples, and no first pass for the range is needed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from intarsia import batching
from intarsia.archives import DAMAGED
from intarsia.data import Dataset
from intarsia.errors import UsageError
from intarsia.ir import Graph

SCHEMA, SCHEMA_VERSION = "intarsia.calibration", 1
BINS = 8192
"""Bins of a histogram, half of them below zero. A feature map uses at least a quarter of them."""
MIN_EXPONENT = -60

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class MapStatistics:
    """What a feature map held over all samples.

    `histogram[i]` counts values in [i - BINS / 2, i + 1 - BINS / 2) * 2**exponent. `channel_minimum`,
    `channel_maximum` and `channel_mean` are over the last axis.
    """

    name: str
    shape: tuple[int, ...]
    minimum: float
    maximum: float
    mean: float
    variance: float
    exponent: int
    histogram: np.ndarray
    channel_minimum: np.ndarray
    channel_maximum: np.ndarray
    channel_mean: np.ndarray

    @property
    def bin_width(self) -> float:
        return math.ldexp(1.0, self.exponent)

    @property
    def bin_centres(self) -> np.ndarray:
        """Middle of each bin, as float64."""
        centres: np.ndarray = (np.arange(BINS) - BINS // 2 + 0.5) * self.bin_width
        return centres


@dataclass(frozen=True, eq=False)
class Statistics:
    """Statistics of a graph's float feature maps by tensor index, over `samples` samples."""

    samples: int
    maps: dict[int, MapStatistics]

    def of(self, graph: Graph, index: int) -> MapStatistics:
        """Statistics of a tensor. Raises UsageError when they are missing or of another model."""
        tensor, found = graph.tensor(index), self.maps.get(index)
        if found is None or (found.name, found.shape) != (tensor.name, tensor.shape):
            raise UsageError(
                f"the calibration does not know feature map '{tensor.name}' of shape {list(tensor.shape)}",
                hint="calibrate again: it was made for another model",
            )
        return found


class _Collector:
    """Adds up what one feature map holds."""

    def __init__(self, name: str, shape: tuple[int, ...]) -> None:
        channels = shape[-1] if shape else 1
        self.name, self.shape, self.channels = name, shape, channels
        self.count = 0
        self.sums, self.squares = np.zeros(channels), 0.0
        self.low, self.high = np.full(channels, np.inf), np.full(channels, -np.inf)
        self.exponent = MIN_EXPONENT
        self.histogram = np.zeros(BINS, np.int64)

    def add(self, values: np.ndarray) -> None:
        rows = values.reshape(-1, self.channels).astype(np.float64)
        if not np.isfinite(rows).all():
            what = f"feature map '{self.name}' becomes NaN or infinite"
            raise UsageError(what, hint="check the calibration data and its scale")
        self.count += rows.shape[0]
        self.sums += rows.sum(axis=0)
        self.squares += float(np.square(rows).sum())
        self.low, self.high = np.minimum(self.low, rows.min(axis=0)), np.maximum(self.high, rows.max(axis=0))
        self._widen(float(np.abs(rows).max()))
        bins = np.floor(np.ldexp(rows, -self.exponent)).astype(np.int64).reshape(-1) + BINS // 2
        self.histogram += np.bincount(bins, minlength=BINS)

    def _widen(self, magnitude: float) -> None:
        """Makes bins wide enough for values up to a magnitude."""
        needed = max(math.frexp(magnitude)[1] - int(math.log2(BINS // 2)), MIN_EXPONENT)
        while self.exponent < needed:
            if not self.histogram.any():
                self.exponent = needed
                break
            merged = self.histogram.reshape(-1, 2).sum(axis=1)
            self.histogram = np.pad(merged, BINS // 4)
            self.exponent += 1

    def result(self) -> MapStatistics:
        elements = self.count * self.channels
        mean = float(self.sums.sum()) / elements
        return MapStatistics(
            self.name,
            self.shape,
            float(self.low.min()),
            float(self.high.max()),
            mean,
            max(self.squares / elements - mean * mean, 0.0),
            self.exponent,
            self.histogram,
            self.low,
            self.high,
            self.sums / self.count,
        )


def calibrate(
    graph: Graph, samples: Dataset | Sequence[np.ndarray], progress: Progress | None = None
) -> Statistics:
    """Runs a float graph over samples and gathers the statistics of its float feature maps.

    `samples`: a Dataset, or one array [N, *shape] per graph input. `progress(done, total)` is called per
    group of samples. Raises UsageError without samples and when a feature map becomes NaN or infinite.
    """
    inputs = samples.inputs if isinstance(samples, Dataset) else tuple(samples)
    total = len(inputs[0]) if inputs else 0
    if total == 0:
        raise UsageError("there are no calibration samples", hint="give at least one, better a hundred")
    collectors: dict[int, _Collector] = {}
    done = 0
    for index, values in batching.feature_maps(graph, inputs):
        tensor = graph.tensor(index)
        if index == graph.inputs[0]:
            if progress:
                progress(done, total)
            done += len(values)
        if tensor.dtype.is_float and tensor.elements:
            collectors.setdefault(index, _Collector(tensor.name, tensor.shape)).add(values)
    if progress:
        progress(total, total)
    return Statistics(total, {index: collector.result() for index, collector in collectors.items()})


def save(statistics: Statistics, path: Path) -> None:
    """Writes `calib.npz`: plain arrays, and a JSON text for names, shapes and the schema."""
    maps = list(statistics.maps.values())
    description = {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "samples": statistics.samples,
        "maps": [
            {"tensor": index, "name": m.name, "shape": list(m.shape)} for index, m in statistics.maps.items()
        ],
    }
    arrays = {
        "description": np.frombuffer(json.dumps(description).encode(), np.uint8),
        "histogram": np.array([m.histogram for m in maps], np.int64).reshape(-1, BINS),
    }
    for name in _SCALARS:
        arrays[name] = np.array([getattr(m, name) for m in maps])
    for name in _CHANNELS:
        arrays[name] = np.concatenate([getattr(m, name) for m in maps] or [np.zeros(0)])
    with path.open("wb") as stream:
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]


_SCALARS = ("minimum", "maximum", "mean", "variance", "exponent")
_CHANNELS = ("channel_minimum", "channel_maximum", "channel_mean")


def load(path: Path) -> Statistics:
    """Reads `calib.npz`. Raises UsageError when it is missing, damaged or something else."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            description = json.loads(archive["description"].tobytes())
            arrays = {name: archive[name] for name in (*_SCALARS, "histogram", *_CHANNELS)}
        if (description["schema"], description["schema_version"]) != (SCHEMA, SCHEMA_VERSION):
            raise ValueError(f"schema {description['schema']} {description['schema_version']}")
        return _statistics(description, arrays)
    except DAMAGED as error:
        if not path.exists():
            raise UsageError(f"no such file: {path}", hint="make it from calibration data") from None
        reason = f"{path} is not a calibration file: {str(error)[:200]}"
        raise UsageError(reason, hint="calibrate again") from None


def _statistics(description: dict[str, object], arrays: dict[str, np.ndarray]) -> Statistics:
    """Raises ValueError, KeyError or TypeError when the parts do not fit together."""
    maps: dict[int, MapStatistics] = {}
    entries, samples = description["maps"], description["samples"]
    if not isinstance(entries, list) or not isinstance(samples, int):
        raise ValueError("its description has wrong types")
    if arrays["histogram"].shape != (len(entries), BINS):
        raise ValueError("its histograms do not fit its feature maps")
    start = 0
    for position, entry in enumerate(entries):
        shape = tuple(int(extent) for extent in entry["shape"])
        stop = start + (shape[-1] if shape else 1)
        scalars = [arrays[name].reshape(len(entries))[position] for name in _SCALARS]
        channels = [arrays[name][start:stop].astype(np.float64) for name in _CHANNELS]
        if not np.isfinite(scalars).all() or any(len(c) != stop - start for c in channels):
            raise ValueError(f"its statistics of '{entry['name']}' are damaged")
        minimum, maximum, mean, variance, exponent = scalars
        maps[int(entry["tensor"])] = MapStatistics(
            str(entry["name"]),
            shape,
            float(minimum),
            float(maximum),
            float(mean),
            float(variance),
            int(exponent),
            arrays["histogram"][position].astype(np.int64),
            channels[0],
            channels[1],
            channels[2],
        )
        start = stop
    return Statistics(samples, maps)
