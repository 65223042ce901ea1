# SPDX-License-Identifier: Apache-2.0
"""Where device and reference part ways: every feature map of one sample, layer by layer, patch by patch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from intarsia import exactness, ops, simulate, stitching
from intarsia.ir import ABSENT, Graph, Node, Tensor
from intarsia.plan import lowering
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


@dataclass(frozen=True, eq=False)
class _Branch:
    """A branch in the form of its class."""

    all: Branches
    number: int

    @property
    def graph(self) -> Graph:
        return self.all.graphs[self.number]

    @property
    def place(self) -> Place:
        return self.all.places[self.number]


class Comparison:
    """What a firmware shows of a graph for one sample, whole or cut by a tiling, and how that compares.

    `members`: which patches take the form for outliers, where patches have classes.
    """

    def __init__(self, graph: Graph, tiling: Tiling | None = None, members: Sequence[bool] = ()) -> None:
        self.graph, self._tiling = graph, tiling
        self._branches = () if tiling is None else tuple(_branches(tiling, members))
        self._parts = tuple(self._all_parts())

    @property
    def shown(self) -> list[tuple[int, int, int]]:
        """(layer, number of the output, bytes) of every feature map, in the order in which they are shown; the bytes
        are those of the largest patch of a class."""
        stages = lowering.stages(self._tiling) if self._tiling is not None else None

        def size(part: _Part) -> int:
            if part.place is None or stages is None:
                return part.map.bytes
            outliers = len(stages.forms) > 1 and self._branches[part.space].all.tiling is not self._tiling
            form = stages.forms[1 if outliers else 0]
            return form.size(form.number(part.tensor))

        return [(part.layer, part.output, size(part)) for part in self._parts]

    def compare(self, inputs: Sequence[np.ndarray], dump: Sequence[bytes]) -> tuple[LayerDifference, ...]:
        """Compares the bytes of the maps of one sample (one array per graph input), as a device has shown them."""
        expected = self._references(inputs)
        device: dict[int, dict[int, np.ndarray]] = {
            space: {**simulate.initial(graph), **dict(zip(graph.inputs, pieces, strict=True))}
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
        last, space = -1, len(self._branches)
        if self._tiling is not None:
            split, last = self._tiling.head.tensor, self._tiling.head.split_after
            for number, branch in enumerate(self._branches):
                yield from _patch_parts(branch, number)
            yield _Part(
                last, 0, self.graph.nodes[last], split, space, self.graph, None, (0,) * 4, stitched=True
            )
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
        for branch in self._branches:
            pieces = zip(self.graph.inputs, whole, strict=True)
            yield branch.graph, [x[box(branch.all.tiling, t, *branch.place)] for t, x in pieces]
        yield self.graph, whole

    def _references(self, inputs: Sequence[np.ndarray]) -> list[dict[int, np.ndarray]]:
        *patches, (graph, whole) = self._spaces(inputs)
        found = [simulate.run_all(branch, pieces) for branch, pieces in patches]
        if graph.classes is None:
            return [*found, simulate.run_all(graph, whole)]
        return [*found, simulate.run_all(stitching.forms(graph)[2], [simulate.split_map(graph, whole)])]


def _branches(tiling: Tiling, members: Sequence[bool]) -> Iterator[_Branch]:
    """The branches in the order of execution."""
    forms = [expand(tiling)]
    if members:
        forms.append(expand(stitching.outlier_tiling(tiling)))
    for number in range(len(tiling.branches)):
        yield _Branch(forms[1 if members and members[number] else 0], number)


def _patch_parts(branch: _Branch, space: int) -> Iterator[_Part]:
    """The maps of one branch, without those that only crop others."""
    tiling, graph = branch.all.tiling, branch.graph
    for layer, whole in enumerate(tiling.head.nodes):
        node = graph.nodes[branch.all.nodes_of(layer)[-1]]
        for number, (tensor, counterpart) in enumerate(zip(node.outputs, whole.outputs, strict=True)):
            index = box(tiling, counterpart, *branch.place)
            origin = (*(axis.start or 0 for axis in index), 0)
            yield _Part(layer, number, node, tensor, space, graph, branch.place, origin)


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
