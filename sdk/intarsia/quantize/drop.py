# SPDX-License-Identifier: Apache-2.0
"""What narrower tensors cost in accuracy, on samples that no range was taken from.

The accuracy that a classifier will lose is estimated from its scores, since counted hits say nothing with a dozen of
samples. What narrower tensors add to the scores of each held-out sample is added to those of every sample, and a first
class that changes costs what it loses in probability, times `OVERCONFIDENCE`: networks are surer of themselves than
they are right. How many samples are close to call is known badly from few of them: with n samples, the share `FEW` / n
of the estimate supposes that leads of the first class over the second are spread evenly from 0 on, with the mean that
was seen.

Estimated, and then lost on test samples, with 4-bit weights (without labels in calibration; means of six and three
choices of one layer, its weights or its map, and of a third of the layers):

| network, samples to calibrate and to test | one layer   | a third     | later half  | all weights | all maps    |
|-------------------------------------------|-------------|-------------|-------------|-------------|-------------|
| ic_resnet8, 200, 400                      | .007, -.002 | .012, .009  | .013, -.020 | .026, .003  | .204, .140  |
| mobilenet_v1, 50, 200                     | .016, .006  | .028, -.002 | .034, .030  | .071, .085  | .145, .245  |
| vww_mobilenet, 16, 72                     | .014, -.002 | .014, .014  | .007, .000  | .044, .014  | .074, .014  |
| mcunet_vww, 16, 72                        | .009, .002  | .035, .023  | .028, .056  | .038, .083  | .183, .111  |

Of the choices with estimates up to 0.01 two lost more: 3 and 1 of 72 images. Hits on the held-out samples are no use:
none of the 4 first classes of mcunet_vww changed in six choices that lost 0.04 to 0.13.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from intarsia import accuracy, batching
from intarsia.ir import Graph, Tensor
from intarsia.quantize import layout

MANY_LABELS = 100
"""Labelled samples from which hits count, too."""
OVERCONFIDENCE = 1.5
FEW = 10.0
LEAST_CERTAINTY = 0.25
"""Of a sample whose first class changes, at least this share counts as lost."""
_HALF_NORMAL = 0.3989
"""Mean of what lies beyond zero of a standard normal variable."""
_TINY = 1e-30


class Drop:
    """Loss against the 8-bit graph; 0 is none, larger is worse.

    Of classifiers: top-1 accuracy, as above; with `MANY_LABELS` labels or more also what was counted, whichever is
    more. Of anything else: what is missing to a correlation of 1 (`correlation`). `samples` are held out; `seen` are
    those that ranges were taken from, whose 8-bit scores tell as much.
    """

    def __init__(
        self,
        graph: Graph,
        samples: Sequence[np.ndarray],
        labels: np.ndarray | None = None,
        seen: Sequence[np.ndarray] | None = None,
    ) -> None:
        self.samples, self.labels = samples, labels
        self.ends_in_probabilities = layout.before_probabilities(graph) is not None
        graph = self.scored(graph)
        self.expected = reals(graph, batching.outputs(graph, samples))
        shape = graph.tensor(graph.outputs[0]).shape
        self.scores: Scores | None = None
        if len(self.expected) == 1 and 1 < self.expected[0].shape[1] == shape[-1]:
            known = reals(graph, batching.outputs(graph, seen)) if seen is not None and len(seen[0]) else []
            self.scores = Scores(np.concatenate([*self.expected, *known]))

    def scored(self, graph: Graph) -> Graph:
        """The graph up to its scores, where it makes probabilities of them."""
        return (layout.before_probabilities(graph) or graph) if self.ends_in_probabilities else graph

    def __call__(self, narrow: Graph) -> float:
        narrow = self.scored(narrow)
        found = reals(narrow, batching.outputs(narrow, self.samples))
        if self.scores is None:
            return max(1.0 - correlation(self.expected, found), 0.0)
        (wanted,), (given,) = self.expected, found
        lost = self.scores.lost(wanted, given)
        before, after = (accuracy.measure(scores, self.labels) for scores in (wanted, given))
        if before and after and before.samples >= MANY_LABELS:
            lost = max(lost, before.value - after.value)
        return lost


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores [N, classes] of the 8-bit graph."""

    scores: np.ndarray

    def lost(self, wanted: np.ndarray, given: np.ndarray) -> float:
        """Estimate of the accuracy that is lost where scores `wanted` [n, classes] become `given`."""
        noise = given - wanted
        share = min(1.0, FEW / len(self.scores))
        seen = OVERCONFIDENCE * self._probability_lost(noise)
        return (1.0 - share) * seen + share * self._supposed(wanted, noise)

    def _probability_lost(self, noise: np.ndarray) -> float:
        """Mean probability that first classes lose with the noise of any sample."""
        chances, rows = _softmax(self.scores), np.arange(len(self.scores))
        first = chances[rows, self.scores.argmax(axis=1)]
        losses = [(first - chances[rows, (self.scores + added).argmax(axis=1)]).mean() for added in noise]
        return float(np.mean(losses))

    def _supposed(self, wanted: np.ndarray, noise: np.ndarray) -> float:
        """The same with evenly spread leads; noise is taken for larger the fewer samples it is known from."""
        rows, places = np.arange(len(wanted)), np.argsort(wanted, axis=1, kind="stable")
        changes = noise[rows, places[:, -1]] - noise[rows, places[:, -2]]
        spread = float(np.sqrt(np.square(changes).mean())) * (1.0 + 2.0 / np.sqrt(len(changes)))
        ordered = np.sort(self.scores, axis=1)
        lead = float((ordered[:, -1] - ordered[:, -2]).mean())
        changed = float(min(0.5, _HALF_NORMAL * spread / max(2.0 * lead, _TINY)))
        certainty = 2.0 * float(_softmax(self.scores).max(axis=1).mean()) - 1.0
        return changed * max(certainty, LEAST_CERTAINTY)


def reals(graph: Graph, outputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """float64 [N, elements] of each output of a graph."""
    return [real(graph.tensor(i), y) for i, y in zip(graph.outputs, outputs, strict=True)]


def real(tensor: Tensor, values: np.ndarray) -> np.ndarray:
    """float64 [N, elements] of an output."""
    flat = values.reshape(len(values), -1)
    return (
        flat.astype(np.float64)
        if tensor.quant is None or tensor.dtype.is_float
        else layout.decoded(flat, tensor)
    )


def correlation(wanted: Sequence[np.ndarray], found: Sequence[np.ndarray]) -> float:
    """How well outputs [N, elements] follow the wanted ones from sample to sample, the mean over all outputs.

    Of each output, the cosine between both after the mean of every element over the samples of the wanted outputs is
    taken away: what is the same for all samples, such as the places of anchors, counts for nothing. 1 is the best.
    """
    cosines = []
    for a, b in zip(wanted, found, strict=True):
        mean = a.mean(axis=0)
        x, y = a - mean, b - mean
        size = np.sqrt(np.square(x).sum() * np.square(y).sum())
        cosines.append(float((x * y).sum() / size) if size > _TINY else float(np.array_equal(a, b)))
    return float(np.mean(cosines))


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    result: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return result
