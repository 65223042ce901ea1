# SPDX-License-Identifier: Apache-2.0
"""Accuracy of classifiers: how often the right class is among the first k."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from intarsia.errors import UsageError


@dataclass(frozen=True)
class Accuracy:
    """`value` in [0, 1] of `metric` ("top1", "top5") over `samples`."""

    metric: str
    value: float
    samples: int


def measure(
    outputs: np.ndarray | Sequence[np.ndarray], labels: np.ndarray | None, k: int = 1
) -> Accuracy | None:
    """Top-k accuracy of outputs [N, ..., classes], or None where outputs or labels are no classifier's.

    Outputs may be scores of any type; of equal scores the lower class counts first. Raises UsageError when
    there are not as many labels as outputs or when a label is no class of the output.
    """
    if labels is None or len(outputs) == 0:
        return None
    scores = np.asarray(outputs)
    classes = scores.shape[-1] if scores.ndim > 1 else 1
    if labels.ndim != 1 or scores.size != len(scores) * classes or classes < 2 or not _are_integers(labels):
        return None
    if len(labels) != len(scores):
        raise UsageError(f"{len(labels)} labels for {len(scores)} outputs", hint="give one label per sample")
    if labels.min() < 0 or labels.max() >= classes:
        wrong = int(labels.min() if labels.min() < 0 else labels.max())
        raise UsageError(
            f"label {wrong} is no class of an output with {classes} classes",
            hint="check which classes the model was trained on, and the label column",
        )
    order = np.argsort(-scores.reshape(-1, classes).astype(np.float64), axis=1, kind="stable")
    right = (order[:, :k] == labels.astype(np.int64)[:, None]).any(axis=1)
    return Accuracy(f"top{k}", float(right.mean()), len(labels))


def _are_integers(labels: np.ndarray) -> bool:
    whole = labels.dtype.kind == "f" and bool((labels == np.round(labels)).all())
    return labels.dtype.kind in "iu" or whole
