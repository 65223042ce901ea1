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
class Node:
    """One operator: `op` is its TFLite name; inputs and outputs are indices into `Graph.tensors`."""

    op: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    attrs: Attrs
    name: str = ""


@dataclass(frozen=True, eq=False)
class State:
    """Memory that is kept between inferences: an inference reads tensor `before` and leaves tensor `after`, which the
    next one reads. `initial` [shape of both] is what the first inference reads."""

    before: int
    after: int
    initial: np.ndarray


@dataclass(frozen=True, eq=False)
class Graph:
    """A network. `nodes` are in execution order; `rule` names the rounding rule (design, section 4)."""

    name: str
    tensors: tuple[Tensor, ...]
    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    rule: str = "tflm"
    states: tuple[State, ...] = ()

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
        return replace(self, **changes)

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
        for index in (*self.given, *self.results):
            if not 0 <= index < len(self.tensors):
                raise ValueError(f"graph input or output tensor {index} does not exist")
            if index not in written:
                raise ValueError(f"graph output '{self.tensors[index].name}' is never written")
        self._verify_states()
        return self

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
