# SPDX-License-Identifier: Apache-2.0
"""What a classifier confuses, and the samples that it decides worst."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from intarsia.report.document import Classification, Sample

MAX_CLASSES = 12
WORST = 8


def classify(outputs: Sequence[np.ndarray], labels: np.ndarray, scale: float | None) -> Classification:
    """Outputs of a classifier [1, ..., classes] per sample with the right classes [N]; `scale` makes codes real.

    Of equal scores the lower class counts first, as in `accuracy.measure`.
    """
    scores = np.stack([output.reshape(-1) for output in outputs]).astype(np.float64) * (scale or 1.0)
    right = labels.astype(np.int64)
    guess = scores.argmax(axis=1)
    margins = _margins(scores, right)
    worst = np.argsort(margins, kind="stable")[:WORST]
    classes = _shown(right, guess, scores.shape[1])
    others = len(classes) < scores.shape[1]
    return Classification(
        classes=tuple(classes),
        others=others,
        counts=_counts(right, guess, classes, others),
        worst=tuple(
            Sample(index=int(i), label=int(right[i]), predicted=int(guess[i]), margin=float(margins[i]))
            for i in worst
        ),
    )


def _margins(scores: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Score of the right class less the best of the others; scores that are not finite count as the lowest."""
    finite = np.where(np.isfinite(scores), scores, np.finfo(np.float32).min)
    rows = np.arange(len(finite))
    own = finite[rows, right]
    finite[rows, right] = -np.inf
    margins: np.ndarray = own - finite.max(axis=1)
    return margins


def _shown(right: np.ndarray, guess: np.ndarray, count: int) -> list[int]:
    """All classes, or those with most mistakes, then most samples."""
    if count <= MAX_CLASSES:
        return list(range(count))
    wrong = right != guess
    mistakes = np.bincount(right[wrong], minlength=count) + np.bincount(guess[wrong], minlength=count)
    order = np.lexsort((-np.bincount(right, minlength=count), -mistakes))
    return sorted(int(i) for i in order[:MAX_CLASSES])


def _counts(
    right: np.ndarray, guess: np.ndarray, classes: Sequence[int], others: bool
) -> tuple[tuple[int, ...], ...]:
    place = {klass: position for position, klass in enumerate(classes)}
    table = np.zeros((len(classes) + others, len(classes) + others), np.int64)
    for truth, taken in zip(right.tolist(), guess.tolist(), strict=True):
        table[place.get(truth, -1), place.get(taken, -1)] += 1
    return tuple(tuple(row) for row in table.tolist())
