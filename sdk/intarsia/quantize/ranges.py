# SPDX-License-Identifier: Apache-2.0
"""Range estimators: which real values of a feature map its 8-bit codes should span.

Each takes the statistics of a feature map and returns (low, high) with low <= 0 <= high. What lies outside
saturates.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from intarsia.calibrate import BINS, MapStatistics

Range = tuple[float, float]
Estimator = Callable[[MapStatistics], Range]

LEVELS = 255
"""Steps between the smallest and the largest code of 8 bits."""
_TINY = 1e-300
_LEAST_SHARE = 1e-12
SHRINK = np.linspace(1.0, 0.1, 46)
"""Parts of the measured range that the searching estimators try."""


def minmax(statistics: MapStatistics) -> Range:
    """Everything that was measured."""
    return min(statistics.minimum, 0.0), max(statistics.maximum, 0.0)


def percentile(part: float) -> Estimator:
    """All but the outermost (1 - part) of the values on either side."""

    def estimate(statistics: MapStatistics) -> Range:
        low, high = minmax(statistics)
        share = np.cumsum(statistics.histogram) / statistics.histogram.sum()
        edges = (np.arange(BINS + 1) - BINS // 2) * statistics.bin_width
        first = int(np.searchsorted(share, 1.0 - part, side="right"))
        last = min(int(np.searchsorted(share, part, side="left")), BINS - 1)
        return min(max(low, float(edges[first])), 0.0), max(min(high, float(edges[last + 1])), 0.0)

    return estimate


def mean_squared_error(statistics: MapStatistics) -> Range:
    """The range with the least mean squared error of rounding and saturation over the histogram."""
    values, weights = _values(statistics)

    def cost(low: float, high: float) -> float:
        return float(weights @ np.square(_rounded(values, low, high) - values))

    return _search(minmax(statistics), cost)


def entropy(statistics: MapStatistics) -> Range:
    """The range whose quantized histogram has the least Kullback-Leibler divergence from the measured one.

    Values that saturate count at the ends of the clipped histogram (Migacz, 8-bit Inference with
    TensorRT, 2017). Zeros do not count: every range holds zero exactly.
    """
    values, weights = _values(statistics)
    weights = np.where(values == 0.0, 0.0, weights)

    def cost(low: float, high: float) -> float:
        inside = (values >= low) & (values <= high)
        clipped = np.where(inside, weights, 0.0)
        positions = np.flatnonzero(inside)
        if len(positions) == 0:
            return np.inf
        clipped[positions[0]] += weights[: positions[0]].sum()
        clipped[positions[-1]] += weights[positions[-1] + 1 :].sum()
        steps = (values[positions] - low) / max(high - low, _TINY) * LEVELS
        codes = np.round(steps).astype(np.int64)
        kept, target = weights[positions], clipped[positions]
        total = np.bincount(codes, kept, LEVELS + 1)
        filled = np.bincount(codes, kept > 0, LEVELS + 1)
        spread = np.where(kept > 0, total[codes] / np.maximum(filled[codes], 1), 0.0)
        spread /= max(spread.sum(), _TINY)
        seen = target > 0
        return float((target[seen] * np.log(target[seen] / np.maximum(spread[seen], _LEAST_SHARE))).sum())

    return _search(minmax(statistics), cost)


ESTIMATORS: dict[str, Estimator] = {
    "minmax": minmax,
    "percentile-99.9": percentile(0.999),
    "percentile-99.99": percentile(0.9999),
    "percentile-99.999": percentile(0.99999),
    "mse": mean_squared_error,
    "entropy": entropy,
}


def _values(statistics: MapStatistics) -> tuple[np.ndarray, np.ndarray]:
    """Values that stand for the bins between the extremes, and the share of each.

    The bin that starts at zero stands for zero itself: most of what it holds is what activations cut off.
    """
    filled = np.flatnonzero(statistics.histogram)
    first, last = int(filled[0]), int(filled[-1]) + 1
    values = np.clip(statistics.bin_centres, statistics.minimum, statistics.maximum)
    if statistics.minimum <= 0.0 <= statistics.maximum:
        values[BINS // 2] = 0.0
    return values[first:last], (statistics.histogram / statistics.histogram.sum())[first:last]


def _rounded(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values after quantization to 8 bits over a range and back."""
    step = (high - low) / LEVELS
    if step <= 0.0:
        return np.zeros_like(values)
    zero = np.round(-low / step)
    restored: np.ndarray = (np.clip(np.round(values / step) + zero, 0, LEVELS) - zero) * step
    return restored


def _search(full: Range, cost: Callable[[float, float], float]) -> Range:
    """Best range found by shrinking both ends together, then each end alone. Ties keep the wider range."""
    low, high = full

    def best(candidates: list[Range]) -> Range:
        costs = [cost(*candidate) for candidate in candidates]
        return candidates[int(np.argmin(costs))]

    low, high = best([(full[0] * s, full[1] * s) for s in SHRINK])
    if full[0] < 0.0 < full[1]:
        low, high = best([(low, high), *((low, full[1] * s) for s in SHRINK)])
        low, high = best([(low, high), *((full[0] * s, high) for s in SHRINK)])
    return float(low), float(high)
