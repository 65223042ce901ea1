# SPDX-License-Identifier: Apache-2.0
"""The layers before a split, and what each patch of the split map needs of every feature map before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from intarsia import ops
from intarsia.ir import ABSENT, Graph, Node
from intarsia.ops.base import Field
from intarsia.plan.intervals import Interval, hull, needed, parts, touching

INPUT_MODES = ("arena", "reader")
"""Where the input lies: whole in the arena, or outside, pulled patch by patch through a callback."""


def feature_maps(node: Node, graph: Graph) -> list[int]:
    """Positions of a node's inputs that are feature maps."""
    return [p for p, t in enumerate(node.inputs) if t != ABSENT and not graph.tensor(t).is_constant]


@dataclass(frozen=True, eq=False)
class Head:
    """Nodes 0 to `split_after` of a graph, with their receptive fields along rows and columns."""

    graph: Graph
    split_after: int
    fields: tuple[tuple[Field, Field], ...]

    @property
    def nodes(self) -> tuple[Node, ...]:
        return self.graph.nodes[: self.split_after + 1]

    @property
    def tensor(self) -> int:
        """The split map: the one tensor that later layers read."""
        return self.graph.nodes[self.split_after].outputs[0]

    @property
    def extents(self) -> tuple[int, int]:
        """Rows and columns of the split map."""
        shape = self.graph.tensor(self.tensor).shape
        return shape[1], shape[2]

    def windows(self, axis: int, part: Interval) -> dict[int, Interval]:
        """Part of each feature map before the split, itself included, that rows (axis 0) or columns (axis 1) `part` of
        the split map need; where several layers read a map, all that any of them needs. A layer that would see nothing
        but border makes more than is needed, up to the first cell that is none.
        """
        found = {self.tensor: part}
        for node, fields in zip(reversed(self.nodes), reversed(self.fields), strict=True):
            wanted = hull(found[t] for t in node.outputs if t in found)
            maps = feature_maps(node, self.graph)
            extent = self.graph.tensor(node.inputs[maps[0]]).shape[1 + axis]
            out = touching(wanted, fields[axis], extent)
            found |= dict.fromkeys(node.outputs, out)
            for position in maps:
                tensor = node.inputs[position]
                read = needed(out, fields[axis]).clipped(extent)
                found[tensor] = hull((read, found.get(tensor, read)))
        return found


def heads(graph: Graph) -> list[Head]:
    """Every place where a graph can be split: after a layer whose output is all that later layers read, when all
    layers up to there can be computed part by part. From the shallowest to the deepest."""
    found: list[Head] = []
    fields: list[tuple[Field, Field]] = []
    for position, node in enumerate(graph.nodes):
        field = ops.registry()[node.op].receptive_field(node, graph)
        if field is None:
            break
        fields.append(field)
        if _narrows(graph, position):
            found.append(Head(graph, position, tuple(fields)))
    return found


def head_at(graph: Graph, split_after: int) -> Head:
    """The head that ends with a node. Raises ValueError when the graph cannot be split there."""
    for head in heads(graph):
        if head.split_after == split_after:
            return head
    raise ValueError(f"the network cannot be split after layer {split_after}")


def _narrows(graph: Graph, position: int) -> bool:
    """Whether the layers behind a node need one tensor, its output, of all that was there before."""
    before = set(graph.inputs)
    for node in graph.nodes[: position + 1]:
        before |= set(node.outputs)
    later = {t for node in graph.nodes[position + 1 :] for t in node.inputs} | set(graph.outputs)
    last = graph.nodes[position].outputs
    written = before - set(graph.inputs)
    read = {t for node in graph.nodes[: position + 1] for t in node.inputs}
    unread = written - read - {last[0]}
    return len(last) == 1 and before & later == {last[0]} and not unread and set(graph.inputs) <= read


@dataclass(frozen=True, eq=False)
class Tiling:
    """A head cut by a grid. `parts` are the rows and columns of the split map that patches fill; `rows[i]` and
    `columns[i]` map every feature map to what a row or column of patches makes of it, or needs of an input."""

    head: Head
    parts: tuple[tuple[Interval, ...], tuple[Interval, ...]]
    rows: tuple[Mapping[int, Interval], ...]
    columns: tuple[Mapping[int, Interval], ...]
    input_mode: str

    @staticmethod
    def of(head: Head, grid: tuple[int, int], input_mode: str = "arena") -> Tiling:
        """Raises ValueError when the split map is too small for the grid."""
        if input_mode not in INPUT_MODES:
            raise ValueError(f"unknown input mode '{input_mode}'")
        if input_mode == "reader" and len(head.graph.inputs) != 1:
            raise ValueError("a reader serves networks with one input")
        cut = parts(head.extents[0], grid[0]), parts(head.extents[1], grid[1])
        rows, columns = (tuple(head.windows(axis, part) for part in cut[axis]) for axis in (0, 1))
        return Tiling(head, cut, rows, columns, input_mode)

    @property
    def grid(self) -> tuple[int, int]:
        return len(self.rows), len(self.columns)

    @property
    def branches(self) -> list[tuple[int, int]]:
        """Row and column of each patch, in the order of execution."""
        return [(row, column) for row in range(len(self.rows)) for column in range(len(self.columns))]

    @cached_property
    def held(self) -> tuple[tuple[Mapping[int, Interval], ...], tuple[Mapping[int, Interval], ...]]:
        """Per axis and row or column of patches: what lies in memory of each feature map. As `rows` and `columns`, but
        for inputs in the arena, which are there as a whole."""
        return self._held(0, self.rows), self._held(1, self.columns)

    def _held(
        self, axis: int, windows: tuple[Mapping[int, Interval], ...]
    ) -> tuple[Mapping[int, Interval], ...]:
        if self.input_mode == "reader":
            return windows
        graph = self.head.graph
        whole = {t: Interval(0, graph.tensor(t).shape[1 + axis]) for t in graph.inputs}
        return tuple({**window, **whole} for window in windows)

    def largest(self, tensor: int) -> tuple[int, ...]:
        """Shape of the largest part of a feature map that lies in memory at once."""
        rows, columns = (max(window[tensor].size for window in windows) for windows in self.held)
        return (1, rows, columns, self.head.graph.tensor(tensor).shape[3])

    @cached_property
    def crops(self) -> frozenset[tuple[int, int]]:
        """(node, input position) where the operator needs less than there is in some patch and cannot skip the rest."""
        graph, found = self.head.graph, set()
        for index, node in enumerate(self.head.nodes):
            if ops.registry()[node.op].crops:
                continue
            for position in feature_maps(node, graph):
                if any(self._surplus(index, position, axis) for axis in (0, 1)):
                    found.add((index, position))
        return frozenset(found)

    def _surplus(self, index: int, position: int, axis: int) -> bool:
        tensor = self.head.nodes[index].inputs[position]
        return any(
            self.read(index, position, axis, place) != window[tensor]
            for place, window in enumerate(self.held[axis])
        )

    def read(self, index: int, position: int, axis: int, place: int) -> Interval:
        """Cells of an input that node `index` reads in a row (axis 0) or column (axis 1) of patches."""
        head = self.head
        node = head.nodes[index]
        out = (self.rows, self.columns)[axis][place][node.outputs[0]]
        extent = head.graph.tensor(node.inputs[position]).shape[1 + axis]
        return needed(out, head.fields[index][axis]).clipped(extent)
