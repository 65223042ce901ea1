# SPDX-License-Identifier: Apache-2.0
"""The graphs of a network whose patches fall into classes: one for all layers, one more for branches with outliers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from intarsia import batching
from intarsia.ir import Graph
from intarsia.plan import entropy, vdpc
from intarsia.plan.entropy import Histogram
from intarsia.plan.head import Tiling
from intarsia.plan.precision import NORMAL, OUTLIER, REST, Space
from intarsia.plan.vdqs import Choice
from intarsia.quantize.mixed import Bits, Options, Patches, requantize


@dataclass(frozen=True, eq=False)
class Classed:
    """`main` is the network with the bits of branches without outliers and of all layers behind the split. `outlier`
    computes the split map, in the same codes and with the same weights, for the patches where `mask` [H, W] of the
    split map is set; None when there are no such patches."""

    main: Graph
    outlier: Graph | None = None
    mask: np.ndarray | None = None

    @property
    def split(self) -> int:
        """The split map. Raises ValueError without a second class."""
        if self.outlier is None:
            raise ValueError("there is one class of patches only")
        return self.outlier.outputs[0]


def histograms(
    graph: Graph, samples: Sequence[np.ndarray], tiling: Tiling | None = None, outlier: Sequence[bool] = ()
) -> dict[str, dict[int, Histogram]]:
    """What feature maps hold, by scope: before the split only where the branches of a class compute."""
    found = {REST: entropy.histograms(graph, samples)}
    if tiling is None:
        return found
    before = graph.replace(nodes=tiling.head.nodes, outputs=(tiling.head.tensor,))
    for scope, which in ((NORMAL, False), (OUTLIER, True)):
        if which in outlier:
            found[scope] = entropy.histograms(before, samples, vdpc.masks(tiling, outlier, which))
    return found


def apply(
    graph: Graph,
    samples: Sequence[np.ndarray],
    space: Space,
    choice: Choice,
    tiling: Tiling | None = None,
    outlier: Sequence[bool] = (),
    options: Options | None = None,
) -> Classed:
    """The graphs that compute with the chosen bits. `samples` are calibration data as `requantize` takes them."""
    rest, weights = space.maps(choice.bits, REST), space.weights(choice.bits)
    if tiling is None or not any(outlier):
        bits = Bits(rest | space.maps(choice.bits, NORMAL), weights)
        return Classed(requantize(graph, samples, bits, options).graph)
    own, split = OUTLIER if all(outlier) else NORMAL, tiling.head.tensor
    masks = vdpc.masks(tiling, outlier, own == OUTLIER)
    bits = Bits(rest | space.maps(choice.bits, own), weights)
    main = requantize(graph, samples, bits, options, Patches(split, masks))
    if all(outlier):
        return Classed(main.graph)
    masks = vdpc.masks(tiling, outlier, True)
    bits = Bits(space.maps(choice.bits, OUTLIER))
    before = graph.replace(nodes=tiling.head.nodes, outputs=(split,))
    other = requantize(before, samples, bits, options, Patches(split, masks), main)
    return Classed(main.graph, other.graph, masks[split])


def outputs(classed: Classed, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Graph outputs [N, *shape] for inputs [N, *shape], by the operators' references.

    Each class is computed on the whole image and the split map put together from both: patches give the same numbers
    as the whole network, so this is what the branches compute.
    """
    if classed.outlier is None or classed.mask is None:
        return batching.outputs(classed.main, inputs)
    main, split = classed.main, classed.split
    last = next(p for p, node in enumerate(main.nodes) if split in node.outputs)
    before = main.replace(nodes=main.nodes[: last + 1], outputs=(split,))
    ours, theirs = batching.outputs(before, inputs)[0], batching.outputs(classed.outlier, inputs)[0]
    whole = np.where(classed.mask[:, :, None], theirs, ours)
    return batching.outputs(main.replace(inputs=(split,), nodes=main.nodes[last + 1 :]), [whole])
