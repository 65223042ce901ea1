# SPDX-License-Identifier: Apache-2.0
"""The one intermediate representation: a frozen graph of tensors and nodes in execution order."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from intarsia.dtypes import BY_BITS, DType

ABSENT = -1
"""Index that stands for an optional input which the model leaves out."""

RULES = ("tflm", "litert")
"""Named rounding rules; see `Graph.rule`."""


@dataclass(frozen=True)
class Quantization:
    """real = scale * (code - zero_point), for the whole tensor or for each index of `axis`.

    `bits`: width of the codes of each index of axis 0, where they are narrower than the tensor's type says (weights of
    several widths); empty: all codes are as wide as the type.
    """

    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    axis: int = 0
    bits: tuple[int, ...] = ()

    @property
    def per_channel(self) -> bool:
        return len(self.scale) > 1


@dataclass(frozen=True, eq=False)
class Tensor:
    """A feature map (`data` is None) or a constant. Feature maps are NHWC."""

    name: str
    shape: tuple[int, ...]
    dtype: DType
    quant: Quantization | None = None
    data: np.ndarray | None = None

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """Bytes in memory; below 8 bits every run along the innermost axis starts at a byte (see `dtypes`)."""
        if self.quant is not None and self.quant.bits:
            return sum(BY_BITS[bits].storage(self.shape[1:]) for bits in self.quant.bits)
        return self.dtype.storage(self.shape)

    @property
    def is_constant(self) -> bool:
        return self.data is not None

    @property
    def scale(self) -> float:
        """The per-tensor scale. Raises ValueError when the tensor has none or one per channel."""
        return self._single().scale[0]

    @property
    def zero_point(self) -> int:
        """The per-tensor zero point. Raises ValueError when the tensor has none or one per channel."""
        return self._single().zero_point[0]

    def _single(self) -> Quantization:
        if self.quant is None or self.quant.per_channel:
            raise ValueError(f"tensor '{self.name}' has no per-tensor quantization")
        return self.quant


@dataclass(frozen=True)
class Attrs:
    """Base of the options of an operator; each `ops/<op>.py` derives its own."""


@dataclass(frozen=True)
class Refusal(Attrs):
    """In place of the options of an operator that cannot be run: why."""

    reason: str = ""


@dataclass(frozen=True)
class Node:
    """One operator: `op` is its TFLite name; inputs and outputs are indices into `Graph.tensors`."""

    op: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    attrs: Attrs
    name: str = ""


@dataclass(frozen=True)
class OutlierRule:
    """What a device decides by: patch i is an outlier when more than `allowed[i]` of the codes that it reads of the
    graph's input lie outside [first, last]."""

    first: int
    last: int
    allowed: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class PatchClasses:
    """A second form of a network's first layers, for patches that hold outliers.

    The output of node `split_after`, the split map, is filled by the patches of a `grid` (rows, columns), row by row.
    `outlier` computes it as the network's own first layers do, node by node and in the same codes, but with other types
    and constants before. Patch i takes that form in `shares[i]` of the inferences: in none (0) or all (1), or, with a
    `rule`, when what it reads says so; then shares are those of calibration data.
    """

    outlier: Graph
    split_after: int
    grid: tuple[int, int]
    shares: tuple[float, ...]
    rule: OutlierRule | None = None

    @property
    def members(self) -> tuple[bool, ...]:
        """Patches that are outliers, always or, with a rule, mostly."""
        return tuple(share > 0.5 for share in self.shares)

    @property
    def split(self) -> int:
        """The split map."""
        return self.outlier.outputs[0]

    def verify(self, graph: Graph) -> None:
        """Checks what can be seen without the patches' geometry. Raises ValueError naming the first fault."""
        other, count = self.outlier.verify(), self.grid[0] * self.grid[1]
        if min(self.grid) < 1 or len(self.shares) != count:
            raise ValueError(f"{len(self.shares)} classes for a grid of {self.grid[0]}x{self.grid[1]}")
        if any(
            not 0.0 <= share <= 1.0 or (self.rule is None and share not in (0, 1)) for share in self.shares
        ):
            raise ValueError("a patch is an outlier or not, or one in a share of the inferences by a rule")
        if self.rule is None and len(set(self.shares)) == 1:
            raise ValueError("all patches are of one class")
        if self.rule is not None and (len(self.rule.allowed) != count or min(self.rule.allowed) < 0):
            raise ValueError(f"the rule for outliers does not fit a grid of {self.grid[0]}x{self.grid[1]}")
        if not 0 <= self.split_after < len(graph.nodes) or len(other.nodes) != self.split_after + 1:
            raise ValueError("the layers for outliers are not those before the split")
        own = graph.nodes[: self.split_after + 1]
        if any((a.op, a.outputs) != (b.op, b.outputs) for a, b in zip(own, other.nodes, strict=True)):
            raise ValueError("the layers for outliers are not the network's own")
        if graph.states or other.states:
            raise ValueError("a network that keeps states has no patches")
        if other.classes is not None or other.inputs != graph.inputs or other.outputs != own[-1].outputs:
            raise ValueError("the layers for outliers do not lead from the input to the split map")
        for index in (*other.inputs, *other.outputs):
            mine, theirs = graph.tensor(index), other.tensor(index)
            if (mine.shape, mine.dtype, mine.quant) != (theirs.shape, theirs.dtype, theirs.quant):
                raise ValueError(f"'{mine.name}' differs between the classes of patches")


@dataclass(frozen=True, eq=False)
class State:
    """Memory that is kept between inferences: an inference reads tensor `before` and leaves tensor `after`, which the
    next one reads. `initial` [shape of both] is what the first inference reads."""

    before: int
    after: int
    initial: np.ndarray


@dataclass(frozen=True, eq=False)
class Graph:
    """A network. `nodes` are in execution order; `rule` names the rounding rule. With `classes` its
    first layers exist twice, for two kinds of patches; `nodes` are those for patches without outliers."""

    name: str
    tensors: tuple[Tensor, ...]
    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    rule: str = "tflm"
    states: tuple[State, ...] = ()
    classes: PatchClasses | None = None

    @property
    def given(self) -> tuple[int, ...]:
        """Feature maps that no node writes: inputs, then states as an inference finds them."""
        return (*self.inputs, *(state.before for state in self.states))

    @property
    def results(self) -> tuple[int, ...]:
        """Tensors that an inference must leave: outputs, then states for the next one."""
        return (*self.outputs, *(state.after for state in self.states))

    def tensor(self, index: int) -> Tensor:
        return self.tensors[index]

    def operand(self, node: Node, position: int) -> Tensor | None:
        """Input `position` of a node, or None when it is absent."""
        if position >= len(node.inputs) or node.inputs[position] == ABSENT:
            return None
        return self.tensors[node.inputs[position]]

    def required(self, node: Node, position: int) -> Tensor:
        """Input `position` of a node. Raises ValueError when it is absent."""
        tensor = self.operand(node, position)
        if tensor is None:
            raise ValueError(f"{node.op} '{node.name}' lacks input {position}")
        return tensor

    def output(self, node: Node, position: int = 0) -> Tensor:
        return self.tensors[node.outputs[position]]

    def constant(self, node: Node, position: int) -> np.ndarray:
        """Data of a constant input. Raises ValueError when the input is absent or not constant."""
        data = self.required(node, position).data
        if data is None:
            raise ValueError(f"{node.op} '{node.name}': input {position} must be constant")
        return data

    def replace(self, **changes: Any) -> Graph:
        """The graph with changes. Classes of patches belong to the graph as it was: a changed one has none, unless they
        are given."""
        return replace(self, **{"classes": None, **changes})

    def readers(self, index: int) -> Iterator[int]:
        """Positions in `nodes` that read a tensor."""
        return (i for i, node in enumerate(self.nodes) if index in node.inputs)

    def verify(self) -> Graph:
        """Checks indices, single assignment and order. Raises ValueError naming the first fault."""
        if self.rule not in RULES:
            raise ValueError(f"unknown rounding rule '{self.rule}'")
        written = set(self.given) | {i for i, t in enumerate(self.tensors) if t.is_constant}
        for position, node in enumerate(self.nodes):
            where = f"node {position} ({node.op})"
            for index in node.inputs:
                if index == ABSENT:
                    continue
                if not 0 <= index < len(self.tensors):
                    raise ValueError(f"{where}: input tensor {index} does not exist")
                if index not in written:
                    raise ValueError(f"{where}: reads '{self.tensors[index].name}' before it is written")
            for index in node.outputs:
                if not 0 <= index < len(self.tensors):
                    raise ValueError(f"{where}: output tensor {index} does not exist")
                if index in written:
                    raise ValueError(f"{where}: writes '{self.tensors[index].name}' a second time")
                written.add(index)
        self._verify_ports(written)
        self._verify_states()
        if self.classes is not None:
            self.classes.verify(self)
        return self

    def _verify_ports(self, written: set[int]) -> None:
        for index in (*self.given, *self.results):
            if not 0 <= index < len(self.tensors):
                raise ValueError(f"graph input or output tensor {index} does not exist")
            if index not in written:
                raise ValueError(f"graph output '{self.tensors[index].name}' is never written")

    def _verify_states(self) -> None:
        outside = {state.before for state in self.states}
        for state in self.states:
            before, after = self.tensors[state.before], self.tensors[state.after]
            name = f"state '{before.name}'"
            if (before.shape, before.dtype) != (after.shape, after.dtype):
                raise ValueError(f"{name} becomes {after.dtype.name}{list(after.shape)}")
            if (state.initial.shape, state.initial.dtype) != (before.shape, before.dtype.numpy):
                raise ValueError(f"{name} starts as {state.initial.dtype}{list(state.initial.shape)}")
        if len(outside) != len(self.states) or outside.intersection((*self.inputs, *self.results)):
            raise ValueError("a state is read as an input, an output or another state")
        written = {index for node in self.nodes for index in node.outputs}
        if any(state.after not in written for state in self.states):
            raise ValueError("a state is left as what no operator has computed")
