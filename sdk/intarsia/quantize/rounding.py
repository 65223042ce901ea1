# SPDX-License-Identifier: Apache-2.0
"""Rounds the weights of one layer to few bits such that its output changes least on calibration data.

The scale of each output channel minimises the error of the weights, each weighted by the power of what it multiplies.
The codes are then fixed one tap after the other, and the error of each is made up for by the taps that are still
free, as the second moments H of the layer's inputs say (Frantar et al., GPTQ, 2022; LeCun et al., Optimal Brain
Surgeon, 1990). From there both are improved in turn: the scale by least squares for the codes, each code to what is
best with all others as they are (coordinate descent, as in Behdin et al., QuantEase, 2023). Where AdaRound (Nagel et
al., 2020) descends on a relaxed rounding, this knows no gradient and no learning rate, and gives the same result on
every run.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from intarsia import dtypes

DAMPING = 0.01
"""Part of the mean power that is added to every input's own: keeps taps that calibration hardly reached."""
SHRINK = np.linspace(1.0, 0.3, 36)
"""Parts of the largest weight that are tried as the largest code."""
ROUNDS = 3
"""Passes of coordinate descent over all taps, at most."""
RUN = 64
"""Taps whose errors are carried over to all behind them at once."""
_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Moments:
    """What the inputs of a layer do on calibration data, in groups of output channels that read the same taps.

    `seen` [G, N, T]: the inputs that it will really get. `mean`, `wanted` [G, T]: means of those and of the inputs that
    the reference layer gets.
    """

    seen: np.ndarray
    mean: np.ndarray
    wanted: np.ndarray

    @functools.cached_property
    def power(self) -> np.ndarray:
        """Centred second moments [G, T, T] of what is seen."""
        centred = np.ascontiguousarray((self.seen - self.mean[:, None]).transpose(0, 2, 1))
        result: np.ndarray = centred @ centred.transpose(0, 2, 1) / max(self.seen.shape[1], 1)
        return result


def moments(seen: np.ndarray, wanted: np.ndarray) -> Moments:
    """Moments of inputs [G, N, T]: `seen` by the layer and `wanted` by its reference."""
    return Moments(seen, seen.mean(axis=1), wanted.mean(axis=1))


def damped(power: np.ndarray) -> np.ndarray:
    """Second moments with a share of their mean on the diagonal; all ones where nothing was seen."""
    level = np.trace(power, axis1=1, axis2=2) / power.shape[1]
    extra = np.where(level > _TINY, DAMPING * level, 1.0)
    result: np.ndarray = power + extra[:, None, None] * np.eye(power.shape[1])
    return result


def scales(weights: np.ndarray, importance: np.ndarray, bits: int) -> np.ndarray:
    """float32 scale [G, O] of weights [G, O, T]: least squared error, weighted by `importance` [G, T]."""
    low, high = dtypes.BY_BITS[bits].range
    largest = np.maximum(np.abs(weights).max(axis=2), _TINY)
    best, found = np.full(largest.shape, np.inf), largest / high
    for shrink in SHRINK:
        for top in (float(high), float(-low)):
            scale = (largest * shrink / top).astype(np.float32).astype(np.float64)
            codes = np.clip(np.round(weights / scale[:, :, None]), low, high)
            errors = np.square(codes * scale[:, :, None] - weights) @ importance[:, :, None]
            better = errors[:, :, 0] < best
            best, found = np.where(better, errors[:, :, 0], best), np.where(better, scale, found)
    result: np.ndarray = found.astype(np.float32)
    return result


def nearest(weights: np.ndarray, scale: np.ndarray, bits: int) -> np.ndarray:
    """float64 codes of weights [G, O, T], each rounded by itself."""
    codes: np.ndarray = np.clip(np.round(weights / scale[:, :, None]), *dtypes.BY_BITS[bits].range)
    return codes


def compensated(weights: np.ndarray, scale: np.ndarray, bits: int, seen: Moments) -> np.ndarray:
    """float64 codes of weights [G, O, T], with the error of each tap carried over to those not yet rounded."""
    power = damped(seen.power)
    order = np.argsort(-np.diagonal(power, axis1=1, axis2=2), axis=1, kind="stable")
    groups = np.arange(len(power))[:, None]
    sorted_power = power[groups[:, :, None], order[:, :, None], order[:, None, :]]
    left = np.take_along_axis(weights, order[:, None, :], axis=2)
    upper = np.linalg.cholesky(np.linalg.inv(sorted_power)).transpose(0, 2, 1)
    codes = np.empty_like(left)
    low, high = dtypes.BY_BITS[bits].range
    for start in range(0, left.shape[2], RUN):
        end = min(start + RUN, left.shape[2])
        errors = np.empty_like(left[:, :, start:end])
        for tap in range(start, end):
            codes[:, :, tap] = np.clip(np.round(left[:, :, tap] / scale), low, high)
            error = (left[:, :, tap] - codes[:, :, tap] * scale) / upper[:, tap, tap][:, None]
            left[:, :, tap + 1 : end] -= error[:, :, None] * upper[:, None, tap, tap + 1 : end]
            errors[:, :, tap - start] = error
        left[:, :, end:] -= errors @ upper[:, start:end, end:]
    result = np.empty_like(codes)
    np.put_along_axis(result, order[:, None, :], codes, axis=2)
    return result


def fitted(weights: np.ndarray, scale: np.ndarray, bits: int, seen: Moments) -> tuple[np.ndarray, np.ndarray]:
    """float32 scale [G, O] and float64 codes of weights [G, O, T] whose outputs differ least; `scale` is the start."""
    power, codes = damped(seen.power), compensated(weights, scale, bits, seen)
    for _ in range(ROUNDS):
        scale = _least_squares(weights, scale, codes, power)
        if not _descended(weights, scale, codes, power, bits):
            break
    return scale, codes


def _descended(
    weights: np.ndarray, scale: np.ndarray, codes: np.ndarray, power: np.ndarray, bits: int
) -> bool:
    """Sets each of the codes to the best one in turn; whether any changed."""
    low, high = dtypes.BY_BITS[bits].range
    own = np.diagonal(power, axis1=1, axis2=2)
    slope = (weights - codes * scale[:, :, None]) @ power
    changed = False
    for start in range(0, codes.shape[2], RUN):
        end = min(start + RUN, codes.shape[2])
        before = codes[:, :, start:end].copy()
        for tap in range(start, end):
            wanted = codes[:, :, tap] + slope[:, :, tap] / (scale * own[:, None, tap])
            best = np.clip(np.round(wanted), low, high)
            step = (best - codes[:, :, tap]) * scale
            codes[:, :, tap] = best
            slope[:, :, tap:end] -= step[:, :, None] * power[:, None, tap, tap:end]
        steps = (codes[:, :, start:end] - before) * scale[:, :, None]
        if steps.any():
            changed = True
            slope[:, :, end:] -= steps @ power[:, start:end, end:]
    return changed


def _least_squares(
    weights: np.ndarray, scale: np.ndarray, codes: np.ndarray, power: np.ndarray
) -> np.ndarray:
    """The float32 scale that suits the codes best; the one before where that is none."""
    reach = codes @ power
    products, squares = (reach * weights).sum(axis=2), (reach * codes).sum(axis=2)
    found = products / np.maximum(squares, _TINY)
    result: np.ndarray = np.where((squares > _TINY) & (found > _TINY), found, scale).astype(np.float32)
    return result


def bias_shift(weights: np.ndarray, restored: np.ndarray, seen: Moments) -> np.ndarray:
    """What keeps the mean output [G, O]: added to the bias when `restored` replaces `weights` (both [G, O, T])."""
    wanted = (weights @ seen.wanted[:, :, None])[:, :, 0]
    given = (restored @ seen.mean[:, :, None])[:, :, 0]
    result: np.ndarray = wanted - given
    return result
