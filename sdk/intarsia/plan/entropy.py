# SPDX-License-Identifier: Apache-2.0
"""What a feature map holds, as a histogram of its 8-bit codes, and how much of it is left with fewer bits.

Omega(i, b) = [H(i, 8) - H(i, b)] / H(i, 8), with H(i, b) the entropy of the codes of map i at b bits over calibration
data: one bin per code, so 0 <= H(i, b) <= b. The codes at b bits are those of the range that `narrow` chooses.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from intarsia import batching, dtypes
from intarsia.ir import Graph, Quantization, Tensor

CODES = 256
FIRST_CODE = -128
SHRINK = np.linspace(1.0, 0.2, 41)
"""Parts of the measured range that are tried as the range of narrower codes."""
ROUNDS = 2
"""How often both ends of a range are tried in turn."""
_TINY = 1e-30


@dataclass(frozen=True, eq=False)
class Histogram:
    """`counts[i]` values have the 8-bit code i - 128 of `quantization`."""

    counts: np.ndarray
    quantization: Quantization

    @property
    def values(self) -> np.ndarray:
        """Real value of each bin, float64 [256]."""
        codes = np.arange(CODES, dtype=np.float64) + FIRST_CODE
        result: np.ndarray = (codes - self.quantization.zero_point[0]) * self.quantization.scale[0]
        return result

    def entropy(self, quantization: Quantization | None = None, bits: int = 8) -> float:
        """Bits per value of the codes of a narrower quantization; of the 8-bit codes without one."""
        if quantization is None:
            return entropy(self.counts)
        low, high = dtypes.BY_BITS[bits].range
        codes = encode(self.values, quantization, bits) - low
        return entropy(np.bincount(codes, self.counts, high - low + 1))

    def error(self, quantization: Quantization, bits: int) -> float:
        """Mean squared error of rounding to a narrower quantization."""
        restored = decode(encode(self.values, quantization, bits), quantization)
        return float(self.counts @ np.square(restored - self.values)) / max(float(self.counts.sum()), 1.0)

    def lost(self, bits: int) -> float:
        """Omega: the share of the entropy that is lost with `bits`, in [0, 1]; 0 for a map of one value."""
        whole = self.entropy()
        if bits >= 8 or whole <= 0.0:
            return 0.0
        return max(whole - self.entropy(narrow(self, bits), bits), 0.0) / whole


def entropy(counts: np.ndarray | Sequence[float]) -> float:
    """Shannon entropy in bits of what was counted; 0 when nothing was."""
    found = np.asarray(counts, np.float64)
    found = found[found > 0]
    if not found.size:
        return 0.0
    shares = found / found.sum()
    return max(float(-(shares * np.log2(shares)).sum()), 0.0)


def encode(values: np.ndarray, quantization: Quantization, bits: int) -> np.ndarray:
    """int64 codes of real values, rounded half away from zero and saturated."""
    scaled = values / quantization.scale[0]
    rounded = np.copysign(np.floor(np.abs(scaled) + 0.5), scaled) + quantization.zero_point[0]
    codes: np.ndarray = np.clip(rounded, *dtypes.BY_BITS[bits].range).astype(np.int64)
    return codes


def decode(codes: np.ndarray, quantization: Quantization) -> np.ndarray:
    """Real values of codes, float64."""
    real: np.ndarray = (codes.astype(np.float64) - quantization.zero_point[0]) * quantization.scale[0]
    return real


def span(low: float, high: float, bits: int) -> Quantization:
    """Asymmetric codes over [low, high], widened to hold zero, which gets an exact code. All zero: scale 1."""
    first, last = dtypes.BY_BITS[bits].range
    low, high = min(low, 0.0), max(high, 0.0)
    scale = float(np.float32((high - low) / (last - first)))
    if scale < _TINY:
        return Quantization((1.0,), (0,))
    zero = first - low / scale
    return Quantization((scale,), (int(np.clip(math.floor(zero + 0.5), first, last)),))


def narrow(histogram: Histogram, bits: int) -> Quantization:
    """Codes of `bits` bits with the least mean squared error over the histogram. Ties keep the wider range."""
    values = histogram.values[histogram.counts > 0]
    if not values.size:
        return span(0.0, 0.0, bits)
    full = min(float(values[0]), 0.0), max(float(values[-1]), 0.0)

    def best(candidates: list[tuple[float, float]]) -> tuple[float, float]:
        errors = [histogram.error(span(*candidate, bits), bits) for candidate in candidates]
        return candidates[int(np.argmin(errors))]

    low, high = best([(full[0] * s, full[1] * s) for s in SHRINK])
    if full[0] < 0.0 < full[1]:
        for _ in range(ROUNDS):
            low, high = best([(low, high), *((low, full[1] * s) for s in SHRINK)])
            low, high = best([(low, high), *((full[0] * s, high) for s in SHRINK)])
    return span(low, high, bits)


def minmax(histogram: Histogram, bits: int) -> Quantization:
    """Codes of `bits` bits over everything that was measured."""
    values = histogram.values[histogram.counts > 0]
    return span(float(values[0]), float(values[-1]), bits) if values.size else span(0.0, 0.0, bits)


def has_codes(tensor: Tensor) -> bool:
    """Whether a feature map holds int8 codes of one scale."""
    return tensor.dtype == dtypes.INT8 and tensor.quant is not None and not tensor.quant.per_channel


def count(codes: np.ndarray) -> np.ndarray:
    """int64 [256]: how often each int8 code occurs."""
    return np.bincount(codes.reshape(-1).view(np.uint8) ^ 0x80, minlength=CODES)


def histograms(
    graph: Graph, inputs: Sequence[np.ndarray], masks: Mapping[int, np.ndarray] | None = None
) -> dict[int, Histogram]:
    """Histogram of each int8 feature map over samples [N, *shape] per graph input.

    `masks` restricts a map [1, H, W, C] to the pixels where a boolean array [N or 1, H, W] is set.
    """
    own = masks or {}

    def counted(start: int, maps: Iterator[tuple[int, np.ndarray]]) -> dict[int, np.ndarray]:
        found = {}
        for index, codes in maps:
            if has_codes(graph.tensor(index)):
                mask = own.get(index)
                rows = None if mask is None else rows_of(mask, start, len(codes))
                found[index] = count(codes if rows is None else masked(codes[:, 0], rows))
        return found

    parts = batching.by_chunk(graph, inputs, counted)
    counts = {index: np.asarray(sum(part[index] for part in parts)) for index in parts[0]}
    quants = {index: graph.tensor(index).quant for index in counts}
    return {index: Histogram(c, q) for index, c in counts.items() if (q := quants[index]) is not None}


def rows_of(mask: np.ndarray, start: int, count: int) -> np.ndarray:
    """The part [count or 1, H, W] of a mask [N or 1, H, W] that belongs to samples from `start` on."""
    return mask if len(mask) == 1 else mask[start : start + count]


def masked(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """[pixels, C]: values [N, H, W, C] where a mask [N or 1, H, W] is set."""
    pixels: np.ndarray = values[np.broadcast_to(mask, values.shape[:3])]
    return pixels
