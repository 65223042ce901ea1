# SPDX-License-Identifier: Apache-2.0
"""Where device and reference part ways: every feature map of one sample, layer by layer, patch by patch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from intarsia import exactness, ops, simulate
from intarsia.ir import ABSENT, Graph, Node, Tensor
from intarsia.plan.branches import Branches, box, expand
from intarsia.plan.head import Tiling

Place = tuple[int, int]
"""Row and column of a patch."""


@dataclass(frozen=True)
class LayerDifference:
    """One output of a layer against the reference: the `whole` map, or all patches of it before they are stitched.

    `mismatched` of `compared` values differ, the largest by `max_abs_diff` (code steps or real units, None: not
    finite). `first` is the index of the first of them in the whole map (NHWC), `patch` in which patch that is, with
    the device's and the reference's value there; None when all are equal. `own` counts the values that differ from
    what the reference makes of the device's own inputs: a fault of this layer and not of one before it (None: not
    known, for a map that is stitched).
    """

    index: int
    op: str
    name: str
    output: int
    whole: bool
    compared: int
    mismatched: int
    max_abs_diff: float | None
    first: tuple[int, ...] | None
    patch: Place | None
    device: float | None
    reference: float | None
    own: int | None


@dataclass(frozen=True)
class Differences:
    """All layers, in the order of execution; those that run patch by patch come with all patches together, the last of
    them a second time as the whole map. `rule` is the reference's rounding rule."""

    model: str
    board: str
    rule: str
    sample: int
    layers: tuple[LayerDifference, ...]

    @property
    def first(self) -> LayerDifference | None:
        """The first layer that differs."""
        return next((layer for layer in self.layers if layer.mismatched), None)


@dataclass(frozen=True, eq=False)
class _Part:
    """A feature map that is shown: `tensor` of the graph that computes it, where it lies in the whole map, in which
    patch. `space` numbers the graphs: patches in the order of execution, then the network."""

    layer: int
    output: int
    node: Node
    tensor: int
    space: int
    graph: Graph
    place: Place | None
    origin: tuple[int, ...]
    stitched: bool = False

    @property
    def map(self) -> Tensor:
        return self.graph.tensor(self.tensor)


class Comparison:
    """What a firmware shows of a graph, whole or cut by a tiling, and how that compares."""

    def __init__(self, graph: Graph, tiling: Tiling | None = None) -> None:
        self.graph = graph
        self._branches = None if tiling is None else expand(tiling)
        self._parts = tuple(self._all_parts())

    @property
    def shown(self) -> list[tuple[int, int, int]]:
        """(layer, number of the output, bytes) of every feature map, in the order in which they are shown."""
        largest: dict[tuple[int, int, bool], int] = {}
        for part in self._parts:
            key = part.layer, part.output, part.place is None
            largest[key] = max(largest.get(key, 0), part.map.bytes)
        return [(p.layer, p.output, largest[p.layer, p.output, p.place is None]) for p in self._parts]

    def compare(self, inputs: Sequence[np.ndarray], dump: Sequence[bytes]) -> tuple[LayerDifference, ...]:
        """Compares the bytes of the maps of one sample (one array per graph input), as a device has shown them."""
        expected = self._references(inputs)
        device: dict[int, dict[int, np.ndarray]] = {
            space: dict(zip(graph.inputs, pieces, strict=True))
            for space, (graph, pieces) in enumerate(self._spaces(inputs))
        }
        found: dict[tuple[int, int, bool], list[_Seen]] = {}
        for part, data in zip(self._parts, dump, strict=True):
            tensor, values = part.map, device[part.space]
            got = tensor.dtype.unpack(data[: tensor.bytes], tensor.shape)
            values[part.tensor] = got
            own = None if part.stitched else _own(part, values)
            seen = _Seen(part, got, expected[part.space][part.tensor], own)
            found.setdefault((part.layer, part.output, part.place is None), []).append(seen)
        return tuple(_together(seen) for seen in found.values())

    def _all_parts(self) -> Iterator[_Part]:
        last = -1
        if self._branches is not None:
            tiling = self._branches.tiling
            last = tiling.head.split_after
            for space, place in enumerate(tiling.branches):
                yield from _patch_parts(self._branches, space, place)
            space, node = len(self._branches.graphs), self.graph.nodes[last]
            yield _Part(last, 0, node, tiling.head.tensor, space, self.graph, None, (0,) * 4, stitched=True)
        space = 0 if self._branches is None else len(self._branches.graphs)
        for layer, node in enumerate(self.graph.nodes):
            if layer > last:
                for number, tensor in enumerate(node.outputs):
                    origin = (0,) * len(self.graph.tensor(tensor).shape)
                    yield _Part(layer, number, node, tensor, space, self.graph, None, origin)

    def _spaces(self, inputs: Sequence[np.ndarray]) -> Iterator[tuple[Graph, list[np.ndarray]]]:
        """The graphs with their inputs."""
        whole = [
            x.reshape(self.graph.tensor(t).shape) for t, x in zip(self.graph.inputs, inputs, strict=True)
        ]
        if self._branches is not None:
            tiling = self._branches.tiling
            for place, graph in zip(tiling.branches, self._branches.graphs, strict=True):
                pieces = zip(self.graph.inputs, whole, strict=True)
                yield graph, [x[box(tiling, t, *place)] for t, x in pieces]
        yield self.graph, whole

    def _references(self, inputs: Sequence[np.ndarray]) -> list[dict[int, np.ndarray]]:
        return [simulate.run_all(graph, pieces) for graph, pieces in self._spaces(inputs)]


def _patch_parts(branches: Branches, space: int, place: Place) -> Iterator[_Part]:
    """The maps of one branch, without those that only crop others."""
    tiling, graph = branches.tiling, branches.graphs[space]
    for layer, whole in enumerate(tiling.head.nodes):
        node = graph.nodes[branches.nodes_of(layer)[-1]]
        for number, (tensor, counterpart) in enumerate(zip(node.outputs, whole.outputs, strict=True)):
            index = box(tiling, counterpart, *place)
            origin = (*(axis.start or 0 for axis in index), 0)
            yield _Part(layer, number, node, tensor, space, graph, place, origin)


def _own(part: _Part, values: Mapping[int, np.ndarray]) -> np.ndarray | None:
    """What the reference makes of the device's own inputs of a layer; crops of them are computed on the way."""
    known = dict(values)
    producers = {t: node for node in part.graph.nodes for t in node.outputs}

    def value(index: int) -> np.ndarray | None:
        if index == ABSENT:
            return None
        data = part.graph.tensor(index).data
        if data is not None:
            return data
        if index not in known:
            node = producers[index]
            made = ops.registry()[node.op].reference(node, part.graph, [value(t) for t in node.inputs])
            known.update(zip(node.outputs, made, strict=True))
        return known[index]

    operands = [value(index) for index in part.node.inputs]
    return ops.registry()[part.node.op].reference(part.node, part.graph, operands)[part.output]


@dataclass(frozen=True, eq=False)
class _Seen:
    """A part with the device's and the reference's values, and those made of the device's own inputs."""

    part: _Part
    got: np.ndarray
    want: np.ndarray
    own: np.ndarray | None


def _together(seen: Sequence[_Seen]) -> LayerDifference:
    """All patches of a map, or the one whole map, as one result."""
    part = seen[0].part
    pairs = [exactness.differences(one.got, one.want) for one in seen]
    largest = max((float(size.max(initial=0.0)) for size, _ in pairs), default=0.0)
    wrong = next((i for i, (_, mask) in enumerate(pairs) if mask.any()), None)
    place = None if wrong is None else tuple(int(i) for i in np.argwhere(pairs[wrong][1])[0])
    own = [int(exactness.differences(one.got, one.own)[1].sum()) for one in seen if one.own is not None]
    return LayerDifference(
        index=part.layer,
        op=part.node.op,
        name=part.node.name,
        output=part.output,
        whole=part.place is None,
        compared=sum(one.got.size for one in seen),
        mismatched=sum(int(mask.sum()) for _, mask in pairs),
        max_abs_diff=largest if math.isfinite(largest) else None,
        first=None if wrong is None or place is None else _in_whole(seen[wrong].part, place),
        patch=None if wrong is None else seen[wrong].part.place,
        device=None if wrong is None or place is None else _finite(seen[wrong].got, place),
        reference=None if wrong is None or place is None else _finite(seen[wrong].want, place),
        own=sum(own) if own else None,
    )


def _in_whole(part: _Part, place: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(a + b for a, b in zip(part.origin, place, strict=True))


def _finite(values: np.ndarray, place: tuple[int, ...]) -> float | None:
    return float(values[place]) if np.isfinite(values[place]) else None
