# SPDX-License-Identifier: Apache-2.0
"""Networks whose patches have classes, with bits drawn at random."""

from __future__ import annotations

import numpy as np

from intarsia import stitching
from intarsia.dtypes import INT8
from intarsia.ir import Graph, OutlierRule
from intarsia.ops.base import Draw
from intarsia.plan import patch, precision
from intarsia.plan.head import INPUT_MODES, heads
from intarsia.plan.plan import Plan
from intarsia.plan.precision import Wanted
from intarsia.plan.vdpc import Membership
from intarsia.quantize import classes
from intarsia.quantize.classes import Widths
from support.draw import SeededDraw, sample
from support.networks import network

SAMPLES = 6


def int8_network(draw: Draw) -> Graph | None:
    """A random network that can be cut, or None when this one cannot."""
    graph = network(draw)
    able = graph.tensor(graph.inputs[0]).dtype == INT8 and any(max(h.extents) > 1 for h in heads(graph))
    return graph if able else None


def classed(graph: Graph, draw: Draw, seed: int) -> tuple[Graph, Plan] | None:
    """The network with random bits for two classes of patches and its plan; None where all patches are of one class."""
    head = draw.choice([head for head in heads(graph) if max(head.extents) > 1])
    rows, columns = head.extents
    grid = (draw.integer(1, min(rows, 4)), draw.integer(1, min(columns, 4)))
    mode = draw.choice(INPUT_MODES)
    tiling = patch.tiling_of(graph, head.split_after, grid, mode)
    random = np.random.default_rng(seed)
    samples = [np.stack([sample(graph.tensor(i), random) for _ in range(SAMPLES)]) for i in graph.inputs]
    rule = None
    membership = Membership.static([bool(draw.integer(0, 1)) for _ in tiling.branches])
    if draw.choice((False, True)):
        allowed = tuple(draw.integer(0, 40) for _ in tiling.branches)
        rule = OutlierRule(draw.integer(-128, -40), draw.integer(30, 127), allowed)
        membership = Membership(stitching.outlying(rule, tiling, samples[0]), dynamic=True)
    if membership.single is not None:
        return None
    space = precision.space(
        graph,
        classes.histograms(graph, samples, tiling, membership),
        Wanted((8, 4, 2), (8, 4, 2), (8, 4, 2)),
        tiling,
        membership,
    )
    bits = tuple(draw.choice(item.widths) for item in space.items)
    made = classes.apply(graph, samples, Widths.of(space, bits), tiling, membership, rule)
    return made, patch.plan_of(made, head.split_after, grid, mode)


def drawn(count: int, first: int = 0) -> list[tuple[Graph, Plan]]:
    """So many networks with classes and their plans."""
    found: list[tuple[Graph, Plan]] = []
    seed = first
    while len(found) < count:
        draw = SeededDraw(seed)
        graph = int8_network(draw)
        made = classed(graph, draw, seed) if graph is not None else None
        found += [made] if made is not None else []
        seed += 1
    return found
