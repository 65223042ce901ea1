# SPDX-License-Identifier: Apache-2.0
"""Networks whose patches fall into classes: which patch is of which, and the outputs that follow.

Each class is computed on the whole image and the split map put together from both: patches give the same numbers as
the whole network, so this is what the branches compute.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from intarsia.ir import Graph, OutlierRule, PatchClasses
from intarsia.plan.head import Tiling, head_at

Run = Callable[[Graph, Sequence[np.ndarray]], list[np.ndarray]]
"""Outputs [N, *shape] of a graph without classes for inputs [N, *shape]."""


def classes_of(graph: Graph) -> PatchClasses:
    """The classes of a graph. Raises ValueError when it has none."""
    if graph.classes is None:
        raise ValueError(f"the patches of '{graph.name}' have no classes")
    return graph.classes


def tiling_of(graph: Graph) -> Tiling:
    """The patches of a graph with classes. Raises ValueError when it cannot be cut like that."""
    classes = classes_of(graph)
    return Tiling.of(head_at(graph, classes.split_after), classes.grid)


def outlier_tiling(tiling: Tiling) -> Tiling:
    """The same patches in the form for outliers. Raises ValueError when the graph has none."""
    classes = classes_of(tiling.head.graph)
    return Tiling.of(head_at(classes.outlier, classes.split_after), classes.grid, tiling.input_mode)


def forms(graph: Graph) -> tuple[Graph, Graph, Graph]:
    """The layers before the split for patches without and with outliers, and the layers behind it."""
    classes = classes_of(graph)
    end = classes.split_after + 1
    before = graph.replace(nodes=graph.nodes[:end], outputs=(classes.split,))
    behind = graph.replace(inputs=(classes.split,), nodes=graph.nodes[end:])
    return before, classes.outlier, behind


def outlying(rule: OutlierRule, tiling: Tiling, images: np.ndarray) -> np.ndarray:
    """bool [N, patches]: which patches of the input [N, 1, H, W, C] a device takes for outliers."""
    (source, *_) = tiling.head.graph.inputs
    outside = (images < rule.first) | (images > rule.last)
    found = np.zeros((len(images), len(tiling.branches)), np.bool_)
    for place, (row, column) in enumerate(tiling.branches):
        rows, columns = tiling.rows[row][source], tiling.columns[column][source]
        inside = outside[:, :, rows.low : rows.high, columns.low : columns.high]
        found[:, place] = inside.sum(axis=(1, 2, 3, 4)) > rule.allowed[place]
    return found


def split_mask(tiling: Tiling, members: np.ndarray) -> np.ndarray:
    """bool [N, H, W] of the split map: true where patches with bool [N, patches] `members` fill it."""
    mask = np.zeros((len(members), *tiling.head.extents), np.bool_)
    for place, (row, column) in enumerate(tiling.branches):
        rows, columns = tiling.parts[0][row], tiling.parts[1][column]
        mask[:, rows.low : rows.high, columns.low : columns.high] = members[:, place, None, None]
    return mask


def members_of(graph: Graph, inputs: Sequence[np.ndarray]) -> np.ndarray:
    """bool [N or 1, patches]: which patches are outliers for inputs [N, *shape]."""
    classes = classes_of(graph)
    if classes.rule is None:
        return np.array([classes.members])
    shape = graph.tensor(graph.inputs[0]).shape
    return outlying(classes.rule, tiling_of(graph), inputs[0].reshape(-1, *shape))


def split_map(graph: Graph, inputs: Sequence[np.ndarray], run: Run) -> np.ndarray:
    """The split map [N, *shape], each patch as its class computes it."""
    ours, theirs, _ = forms(graph)
    mask = split_mask(tiling_of(graph), members_of(graph, inputs))[:, None, :, :, None]
    return np.where(mask, run(theirs, inputs)[0], run(ours, inputs)[0])


def outputs(graph: Graph, inputs: Sequence[np.ndarray], run: Run) -> list[np.ndarray]:
    """Outputs [N, *shape] of a graph with classes for inputs [N, *shape]; `run` computes graphs without."""
    return run(forms(graph)[2], [split_map(graph, inputs, run)])
