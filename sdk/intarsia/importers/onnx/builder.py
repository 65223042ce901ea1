# SPDX-License-Identifier: Apache-2.0
"""Collects the tensors and nodes of a graph while an ONNX model is translated, and lays feature maps out as needed."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from intarsia import dtypes, ops
from intarsia.importers.onnx.values import Known, Map, View, plain_view
from intarsia.ir import ABSENT, Attrs, Graph, Node, Quantization, Tensor

Groups = Sequence[tuple[int, ...]]
MAX_ELEMENTS = 1 << 28
"""Largest feature map that is taken, as for other formats."""


class Builder:
    """`label` is the name of what is being translated; it becomes part of the names of what is made."""

    def __init__(self, rule: str) -> None:
        self.rule = rule
        self.tensors: list[Tensor] = []
        self.nodes: list[Node] = []
        self.label = ""
        self._constants: dict[tuple[str, tuple[int, ...], Quantization | None, bytes], int] = {}
        self._arranged: dict[tuple[int, tuple[tuple[int, ...], ...]], int] = {}

    def add(self, tensor: Tensor) -> int:
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def constant(self, data: np.ndarray, quant: Quantization | None = None, name: str = "") -> int:
        """A constant tensor; those of equal content are one, under the first name."""
        data = np.ascontiguousarray(data) if data.ndim else data
        key = (data.dtype.name, data.shape, quant, hashlib.blake2b(data.tobytes()).digest())
        if key not in self._constants:
            tensor = Tensor(name or f"{self.label}/constant", data.shape, dtypes.of(data), quant, data)
            self._constants[key] = self.add(tensor)
        return self._constants[key]

    def ints(self, values: Sequence[int]) -> int:
        """A constant vector of int32: axes, shapes. Raises ValueError for numbers beyond it."""
        if any(not -(1 << 31) <= value < 1 << 31 for value in values):
            raise ValueError(f"{list(values)}: beyond int32")
        return self.constant(np.array(values, np.int32))

    def emit(
        self,
        op: str,
        inputs: Sequence[int],
        attrs: Attrs | None = None,
        *,
        dtype: dtypes.DType | None = None,
        quant: Quantization | None = None,
    ) -> int:
        """Adds a node with one output, of the type (and quantization) of its first feature map unless one is given."""
        return self.emit_all(op, inputs, attrs, dtype=dtype, quant=quant)[0]

    def emit_all(
        self,
        op: str,
        inputs: Sequence[int],
        attrs: Attrs | None = None,
        *,
        dtype: dtypes.DType | None = None,
        quant: Quantization | None = None,
    ) -> tuple[int, ...]:
        """Adds a node; returns its outputs. Raises ValueError when the inputs do not fit together."""
        operator = ops.registry()[op]
        attrs = operator.attrs() if attrs is None else attrs
        sources = [i for i in inputs if i != ABSENT]
        numbers = {index: number for number, index in enumerate(dict.fromkeys(sources))} | {ABSENT: ABSENT}
        local = Graph("", tuple(self.tensors[i] for i in dict.fromkeys(sources)), (), (), (), self.rule)
        shapes = operator.infer(Node(op, tuple(numbers[i] for i in inputs), (), attrs), local)
        maps = [self.tensors[i] for i in sources if not self.tensors[i].is_constant]
        like = maps[0] if maps else self.tensors[sources[0]]
        if dtype is None:
            dtype, quant = like.dtype, like.quant
        name = f"{self.label}/{op.lower()}"
        for shape in shapes:
            if math.prod(max(extent, 1) for extent in shape) > MAX_ELEMENTS:
                raise ValueError(f"a feature map of {list(shape)} is too large")
        outputs = tuple(self.add(Tensor(name, tuple(shape), dtype, quant)) for shape in shapes)
        self.nodes.append(Node(op, tuple(inputs), outputs, attrs, name))
        return outputs

    def shape(self, tensor: int) -> tuple[int, ...]:
        """Physical shape."""
        return self.tensors[tensor].shape

    def logical(self, value: Map) -> tuple[int, ...]:
        """Shape as ONNX has it."""
        physical = self.shape(value.tensor)
        return tuple(math.prod(physical[axis] for axis in group) for group in value.view)

    def reshape(self, tensor: int, shape: Sequence[int]) -> int:
        """The tensor with another shape of as many elements."""
        if self.shape(tensor) == tuple(shape):
            return tensor
        return self.emit("RESHAPE", [tensor, self.ints(shape)])

    def arrange(self, value: Map, groups: Groups) -> int:
        """A tensor with one axis for each group of physical axes, which together are all axes beyond extent 1."""
        key = (value.tensor, tuple(tuple(group) for group in groups))
        if key not in self._arranged:
            self._arranged[key] = self._arrange(value.tensor, groups)
        return self._arranged[key]

    def _arrange(self, tensor: int, groups: Groups) -> int:
        physical = self.shape(tensor)
        target = [math.prod(physical[axis] for axis in group) for group in groups]
        order = [axis for group in groups for axis in group if physical[axis] != 1]
        if order == sorted(order):
            return self.reshape(tensor, target)
        runs = _runs(order)
        ascending = sorted(range(len(runs)), key=lambda i: runs[i][0])
        tensor = self.reshape(tensor, [math.prod(physical[a] for a in runs[i]) for i in ascending])
        moved = self.emit("TRANSPOSE", [tensor, self.ints([ascending.index(i) for i in range(len(runs))])])
        return self.reshape(moved, target)

    def plain(self, value: Map) -> int:
        """A tensor that lies as ONNX has it."""
        return self.arrange(value, value.view)

    def separated(self, value: Map) -> Map:
        """The map with exactly one physical axis for each axis of ONNX, in the order in which they lie already."""
        physical = self.shape(value.tensor)
        if len(physical) == value.rank and all(len(group) == 1 for group in value.view):
            return value
        return self.ordered(value, order_of(value.view, physical))

    def ordered(self, value: Map, order: Sequence[int]) -> Map:
        """The map with axis `order[i]` of ONNX as physical axis i."""
        tensor = self.arrange(value, [value.view[axis] for axis in order])
        return Map(tensor, tuple((list(order).index(axis),) for axis in range(value.rank)))

    def images(self, value: Map) -> int:
        """A tensor [N, H, W, C] of a map [N, C, H, W], or [N, 1, L, C] of a map [N, C, L]. Raises ValueError."""
        if value.rank not in (3, 4):
            raise ValueError(f"a feature map of {value.rank} dimensions; 3 and 4 are supported")
        batch, channels, *places = value.view
        return self.arrange(value, [batch, *([()] if len(places) == 1 else []), *places, channels])

    def from_images(self, tensor: int, rank: int) -> Map:
        """The inverse of `images`."""
        return Map(tensor, ((0,), (3,), (1,), (2,)) if rank == 4 else ((0,), (3,), (2,)))

    def reshaped(self, value: Map, shape: Sequence[int]) -> Map:
        """The map with another shape of ONNX; elements only move where an axis lies across others."""
        physical = self.shape(value.tensor)
        order = [axis for group in value.view for axis in group if physical[axis] != 1]
        if order == sorted(order):
            return Map(self.reshape(value.tensor, shape), plain_view(len(shape)))
        parts = _parts([physical[axis] for axis in order], shape)
        if parts is None:
            return Map(self.reshape(self.plain(value), shape), plain_view(len(shape)))
        return self._split(value.tensor, order, parts)

    def _split(self, tensor: int, order: list[int], parts: list[list[tuple[int, int]]]) -> Map:
        """`parts`: for each axis of ONNX (position in order, extent) of each piece of a physical axis."""
        pieces: dict[int, list[int]] = {}
        for position, extent in (piece for group in parts for piece in group):
            pieces.setdefault(order[position], []).append(extent)
        starts: dict[int, int] = {}
        target: list[int] = []
        for axis, extent in enumerate(self.shape(tensor)):
            starts[axis] = len(target)
            target += pieces.get(axis, [extent])
        taken = dict.fromkeys(starts, 0)
        view = []
        for group in parts:
            axes = []
            for position, _ in group:
                axis = order[position]
                axes.append(starts[axis] + taken[axis])
                taken[axis] += 1
            view.append(tuple(axes))
        return Map(self.reshape(tensor, target), tuple(view))

    def as_map(self, value: Known) -> Map:
        """A constant where a feature map is asked for."""
        return Map(self.constant(real_data(value), name=value.name), plain_view(value.data.ndim))

    def laid_like(self, data: np.ndarray, value: Map) -> np.ndarray | None:
        """A constant of ONNX that broadcasts to a map, as it broadcasts to the map's tensor; None when it does not."""
        physical, logical = self.shape(value.tensor), self.logical(value)
        if data.ndim > value.rank:
            extra = data.ndim - value.rank
            if any(extent != 1 for extent in data.shape[:extra]):
                return None
            data = data.reshape(data.shape[extra:])
        data = data.reshape((1,) * (value.rank - data.ndim) + data.shape)
        if any(own not in (1, full) for own, full in zip(data.shape, logical, strict=True)):
            return None
        axes = [axis for group in value.view for axis in group]
        whole = [own != 1 for own, group in zip(data.shape, value.view, strict=True) for _ in group]
        factors = [physical[axis] if used else 1 for axis, used in zip(axes, whole, strict=True)]
        factored = data.reshape([*factors, *[1] * (len(physical) - len(axes))])
        axes += [axis for axis in range(len(physical)) if axis not in axes]
        return np.ascontiguousarray(factored.transpose([axes.index(axis) for axis in range(len(physical))]))

    def name_result(self, tensor: int, name: str, since: int) -> None:
        """Gives a tensor that was made after node `since` the name that ONNX has for it."""
        for position in range(since, len(self.nodes)):
            if tensor in self.nodes[position].outputs:
                self.tensors[tensor] = replace(self.tensors[tensor], name=name)
                if self.nodes[position].outputs[0] == tensor:
                    self.nodes[position] = replace(self.nodes[position], name=name)


def real_data(value: Known) -> np.ndarray:
    """A constant as feature maps have it: floats in float32, integers in int32 where they fit."""
    if value.quant is not None or value.data.dtype.kind == "f":
        with np.errstate(over="ignore"):
            return value.real().astype(np.float32)
    if value.data.dtype.kind in "iu" and value.data.dtype != np.int32:
        clipped = np.clip(value.data, -(1 << 31), (1 << 31) - 1)
        result: np.ndarray = clipped.astype(np.int32)
        return result
    return value.data


def order_of(view: View, physical: Sequence[int]) -> list[int]:
    """Axes of ONNX in the order in which they lie; those of extent 1 that lie nowhere come first."""
    return sorted(range(len(view)), key=lambda axis: (min(view[axis], default=-1), axis))


def _runs(order: list[int]) -> list[list[int]]:
    """Axes that follow each other in memory, joined."""
    following = dict(zip(sorted(order), sorted(order)[1:], strict=False))
    runs: list[list[int]] = []
    for axis in order:
        if runs and following.get(runs[-1][-1]) == axis:
            runs[-1].append(axis)
        else:
            runs.append([axis])
    return runs


def _parts(extents: list[int], shape: Sequence[int]) -> list[list[tuple[int, int]]] | None:
    """How axes of `shape` are made from `extents` in order: for each axis the (position, extent) of pieces; None where
    an extent cannot be divided like that."""
    left = list(enumerate(extents))
    parts: list[list[tuple[int, int]]] = []
    for wanted in shape:
        group: list[tuple[int, int]] = []
        while wanted != 1:
            if not left:
                return None
            position, extent = left[0]
            shared = math.gcd(wanted, extent)
            if extent > shared and wanted != shared:
                return None
            group.append((position, shared))
            if extent == shared:
                left.pop(0)
            else:
                left[0] = (position, extent // shared)
            wanted //= shared
        parts.append(group)
    return parts
