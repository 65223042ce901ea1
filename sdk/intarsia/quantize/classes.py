# SPDX-License-Identifier: Apache-2.0
"""Networks whose patches fall into classes: the layers before the split in two forms, one for each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from intarsia.ir import Graph, OutlierRule, PatchClasses
from intarsia.plan import entropy, vdpc
from intarsia.plan.entropy import Histogram
from intarsia.plan.head import Tiling
from intarsia.plan.precision import NORMAL, OUTLIER, REST, Space
from intarsia.plan.vdpc import Membership
from intarsia.quantize.mixed import Bits, Options, Patches, requantize
from intarsia.quantize.observed import Observed


def histograms(
    graph: Graph,
    samples: Sequence[np.ndarray],
    tiling: Tiling | None = None,
    membership: Membership | None = None,
) -> dict[str, dict[int, Histogram]]:
    """What feature maps hold, by scope: before the split only where the branches of a class compute."""
    found = {REST: entropy.histograms(graph, samples)}
    if tiling is None or membership is None:
        return found
    before = graph.replace(nodes=tiling.head.nodes, outputs=(tiling.head.tensor,))
    for scope, which in ((NORMAL, False), (OUTLIER, True)):
        if (membership.outlier == which).any():
            masks = vdpc.masks(tiling, membership.outlier, which)
            found[scope] = entropy.histograms(before, samples, masks)
    return found


@dataclass(frozen=True)
class Widths:
    """Bits below 8: of feature maps by tensor, for the branches of each class and for the layers behind the split, and
    of weights by node."""

    maps: Mapping[str, Mapping[int, int]]
    weights: Mapping[int, int]

    @staticmethod
    def of(space: Space, bits: Sequence[int]) -> Widths:
        """Those of a choice."""
        maps = {scope: space.maps(bits, scope) for scope in (NORMAL, OUTLIER, REST)}
        return Widths(maps, space.weights(bits))

    def network(self, scope: str) -> Bits:
        """Bits of a network all of whose branches are of one class."""
        return Bits({**self.maps.get(REST, {}), **self.maps.get(scope, {})}, self.weights)


def apply(
    graph: Graph,
    samples: Sequence[np.ndarray],
    widths: Widths,
    tiling: Tiling | None = None,
    membership: Membership | None = None,
    rule: OutlierRule | None = None,
    options: Options | None = None,
    observed: Observed | None = None,
) -> Graph:
    """The graph that computes with the chosen bits; with classes of patches where there are both. `samples` are
    calibration data as `requantize` takes them, and those of a membership that differs from sample to sample; `rule`
    belongs to that. `observed`: as `requantize` takes it."""
    if tiling is None or membership is None:
        return requantize(graph, samples, widths.network(NORMAL), options, observed=observed).graph
    single, split = membership.single, tiling.head.tensor
    if single is not None:
        bits = widths.network(OUTLIER if single else NORMAL)
        return requantize(graph, samples, bits, options, observed=observed).graph
    ours, theirs = (Patches(split, vdpc.masks(tiling, membership.outlier, which)) for which in (False, True))
    main = requantize(graph, samples, widths.network(NORMAL), options, ours, observed=observed)
    before = graph.replace(nodes=tiling.head.nodes, outputs=(split,))
    other = requantize(before, samples, Bits(widths.maps.get(OUTLIER, {})), options, theirs, main, observed)
    return joined(main.graph, other.graph, tiling, membership, rule)


def joined(
    main: Graph, outlier: Graph, tiling: Tiling, membership: Membership, rule: OutlierRule | None
) -> Graph:
    """One graph of the forms of two classes of patches."""
    shares, split = tuple(membership.shares(True)), tiling.head.split_after
    return main.replace(classes=PatchClasses(outlier, split, tiling.grid, shares, rule)).verify()
