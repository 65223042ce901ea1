# SPDX-License-Identifier: Apache-2.0
"""Each branch as a graph of its own, with the same nodes and tensors in every branch: only extents and borders differ.

Every layer of a branch gets exactly the border that clipping cut off its window, so that a branch computes the very
numbers of the whole network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from intarsia import dtypes, ops, simulate
from intarsia.ir import Attrs, Graph, Node, Tensor
from intarsia.ops.base import Pads
from intarsia.plan.head import Head, Tiling, feature_maps
from intarsia.plan.intervals import Interval, needed

CROP = "SLICE"
"""Operator that takes the needed part out of a map that holds more."""


@dataclass(frozen=True, eq=False)
class Branches:
    """Branches of a tiling in the order of execution; `places` are their row and column.

    `graphs` share tensor numbers with the network; more tensors follow behind. `layers[i]` is the network's layer that
    node i of a branch belongs to, `patch` the tensor in which a branch leaves its part of the split map.
    """

    tiling: Tiling
    places: tuple[tuple[int, int], ...]
    graphs: tuple[Graph, ...]
    layers: tuple[int, ...]
    patch: int

    def nodes_of(self, layer: int) -> list[int]:
        """Nodes of a branch that belong to a layer of the network."""
        return [node for node, owner in enumerate(self.layers) if owner == layer]


def expand(tiling: Tiling, chosen: Sequence[int] | None = None) -> Branches:
    """The branches of a tiling: all, or those with the `chosen` numbers."""
    numbers = range(len(tiling.branches)) if chosen is None else chosen
    places = tuple(tiling.branches[number] for number in numbers)
    builders = [_Builder(tiling, row, column) for row, column in places]
    graphs = tuple(builder.graph() for builder in builders)
    return Branches(tiling, places, graphs, tuple(builders[0].layers), builders[0].patch)


def remainder(head: Head) -> Graph:
    """The layers behind a split, as a graph that takes the split map."""
    graph = head.graph
    return graph.replace(inputs=(head.tensor,), nodes=graph.nodes[head.split_after + 1 :])


def box(tiling: Tiling, tensor: int, row: int, column: int) -> tuple[slice, ...]:
    """What a branch holds of a feature map, as an index into the whole map."""
    rows, columns = tiling.held[0][row][tensor], tiling.held[1][column][tensor]
    return slice(None), slice(rows.low, rows.high), slice(columns.low, columns.high)


def filled(tiling: Tiling, row: int, column: int) -> tuple[slice, ...]:
    """What a branch fills of the split map, as an index into it."""
    rows, columns = tiling.parts[0][row], tiling.parts[1][column]
    return slice(None), slice(rows.low, rows.high), slice(columns.low, columns.high)


def kept(tiling: Tiling, row: int, column: int) -> tuple[slice, ...]:
    """Which part of its last feature map a branch puts into the split map, as an index into it."""
    made = box(tiling, tiling.head.tensor, row, column)
    places = zip(filled(tiling, row, column)[1:], made[1:], strict=True)
    return slice(None), *(slice(f.start - m.start, f.stop - m.start) for f, m in places)


def run(tiling: Tiling, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Outputs of the network for one sample, computed patch by patch with the operators' references."""
    head = tiling.head
    graph, split = head.graph, head.graph.tensor(head.tensor)
    whole = np.zeros(split.shape, split.dtype.numpy)
    for (row, column), branch in zip(tiling.branches, expand(tiling).graphs, strict=True):
        pieces = [
            np.asarray(x).reshape(graph.tensor(t).shape)[box(tiling, t, row, column)]
            for t, x in zip(graph.inputs, inputs, strict=True)
        ]
        (patch,) = simulate.run(branch, pieces)
        whole[filled(tiling, row, column)] = patch[kept(tiling, row, column)]
    return simulate.run(remainder(head), [whole])


class _Builder:
    """Builds the graph of one branch."""

    def __init__(self, tiling: Tiling, row: int, column: int) -> None:
        self.tiling, self.place = tiling, (row, column)
        head = tiling.head
        self.source = head.graph
        self.tensors = list(head.graph.tensors)
        for tensor in (tiling.rows[0].keys()) - {head.tensor}:
            self.tensors[tensor] = self.cut(tensor)
        self.patch = self.add(
            replace(self.cut(head.tensor), name=f"patch of {self.tensors[head.tensor].name}")
        )
        self.nodes: list[Node] = []
        self.layers: list[int] = []
        for index in range(len(head.nodes)):
            self.layer(index)

    def graph(self) -> Graph:
        return self.source.replace(
            tensors=tuple(self.tensors), nodes=tuple(self.nodes), outputs=(self.patch,)
        )

    def add(self, tensor: Tensor) -> int:
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def constant(self, name: str, data: np.ndarray) -> int:
        return self.add(Tensor(name, data.shape, dtypes.of(data), None, data))

    def held(self, tensor: int) -> tuple[Interval, Interval]:
        rows, columns = (self.tiling.held[axis][self.place[axis]][tensor] for axis in (0, 1))
        return rows, columns

    def cut(self, tensor: int) -> Tensor:
        whole = self.source.tensor(tensor)
        rows, columns = self.held(tensor)
        return replace(whole, shape=(1, rows.size, columns.size, whole.shape[3]))

    def layer(self, index: int) -> None:
        node = self.source.nodes[index]
        inputs = list(node.inputs)
        pads: Pads = (0, 0, 0, 0)
        for position in feature_maps(node, self.source):
            windows = self.held(node.inputs[position])
            if (index, position) in self.tiling.crops:
                inputs[position], windows = self.crop(index, position)
            pads = self.pads(index, windows)
        attrs, changed = ops.registry()[node.op].localized(node, self.source, pads)
        for position, data in changed.items():
            inputs[position] = self.constant(self.source.required(node, position).name, data)
        outputs = tuple(self.patch if t == self.tiling.head.tensor else t for t in node.outputs)
        self.append(index, replace(node, inputs=tuple(inputs), outputs=outputs, attrs=attrs))

    def append(self, layer: int, node: Node) -> None:
        self.nodes.append(node)
        self.layers.append(layer)

    def crop(self, index: int, position: int) -> tuple[int, tuple[Interval, Interval]]:
        """Adds a node that takes what a reader needs out of what is held; its output and the part that it is."""
        tensor = self.source.nodes[index].inputs[position]
        held = self.held(tensor)
        rows, columns = (self.tiling.read(index, position, axis, self.place[axis]) for axis in (0, 1))
        whole = self.tensors[tensor]
        begin = np.array([0, rows.low - held[0].low, columns.low - held[1].low, 0], np.int32)
        size = np.array([1, rows.size, columns.size, whole.shape[3]], np.int32)
        inputs = (tensor, self.constant("begin", begin), self.constant("size", size))
        name = f"part of {whole.name} for layer {index}"
        out = self.add(replace(whole, name=name, shape=tuple(int(n) for n in size)))
        self.append(index, Node(CROP, inputs, (out,), Attrs(), name))
        return out, (rows, columns)

    def pads(self, index: int, windows: tuple[Interval, Interval]) -> Pads:
        """Border around the windows of an input that a layer needs; negative where they hold more than it needs."""
        result: list[int] = []
        out = self.held(self.source.nodes[index].outputs[0])
        for window, made, field in zip(windows, out, self.tiling.head.fields[index], strict=True):
            wanted = needed(made, field)
            result += [window.low - wanted.low, wanted.high - window.high]
        top, bottom, left, right = result
        return top, bottom, left, right
