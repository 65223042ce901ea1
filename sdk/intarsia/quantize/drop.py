# SPDX-License-Identifier: Apache-2.0
"""What narrower tensors cost in accuracy, on samples that no range was taken from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from intarsia import accuracy, batching
from intarsia.ir import Graph, Tensor
from intarsia.quantize import layout

_TINY = 1e-30


class Drop:
    """Loss against the 8-bit graph; 0 is none, larger is worse.

    With class labels: top-1 accuracy lost. A classifier without labels: the accuracy it would lose if the probabilities
    of the 8-bit graph were right, which is what each first class that changes costs in probability; on several networks
    this is within a few points of the loss with labels, where the share of changed classes is up to ten times it.
    Anything else: the root mean square error of the outputs over that of their deviation from their mean.
    """

    def __init__(self, graph: Graph, samples: Sequence[np.ndarray], labels: np.ndarray | None = None) -> None:
        self.graph, self.samples, self.labels = graph, samples, labels
        self.expected = batching.outputs(graph, samples)

    def __call__(self, narrow: Graph) -> float:
        given = batching.outputs(narrow, self.samples)
        before = accuracy.measure(self.expected[0], self.labels) if len(given) == 1 else None
        after = accuracy.measure(given[0], self.labels) if before else None
        if before and after:
            return before.value - after.value
        wanted = [
            _real(self.graph.tensor(i), y) for i, y in zip(self.graph.outputs, self.expected, strict=True)
        ]
        found = [_real(narrow.tensor(i), y) for i, y in zip(narrow.outputs, given, strict=True)]
        classes = wanted[0].shape[1]
        if len(wanted) == 1 and classes > 1 and self.graph.tensor(self.graph.outputs[0]).shape[-1] == classes:
            return self._probability_lost(wanted[0], found[0])
        error = sum(float(np.square(a - b).sum()) for a, b in zip(wanted, found, strict=True))
        spread = sum(float(np.square(a - a.mean(axis=0)).sum()) for a in wanted)
        return float(np.sqrt(error / max(spread, _TINY)))

    def _probability_lost(self, wanted: np.ndarray, found: np.ndarray) -> float:
        if layout.before_probabilities(self.graph) is None:
            wanted = _softmax(wanted)
        first, other = wanted.argmax(axis=1)[:, None], found.argmax(axis=1)[:, None]
        lost = np.take_along_axis(wanted, first, 1) - np.take_along_axis(wanted, other, 1)
        return float(lost.mean())


def _real(tensor: Tensor, values: np.ndarray) -> np.ndarray:
    """float64 [N, elements] of outputs."""
    flat = values.reshape(len(values), -1)
    if tensor.quant is None or tensor.dtype.is_float:
        return flat.astype(np.float64)
    return layout.decoded(flat, tensor)


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    result: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return result
