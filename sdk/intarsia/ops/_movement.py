# SPDX-License-Identifier: Apache-2.0
"""Operators that only move elements: described as views of inputs that land on views of outputs.

One description serves the numpy reference (views of real arrays) and the lowering (views of an array that has
the tensor's shape and no content: its strides become the kernel's parameters).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from intarsia.dtypes import BY_NAME, DType
from intarsia.ir import Graph, Node, Quantization, Tensor
from intarsia.kernelcall import Alias, Constant, KernelCall, Param, Step
from intarsia.ops import _cases
from intarsia.ops._packed import any_packed, look_up
from intarsia.ops.base import Draw, Operator, OutputRange, Values

MAX_DIMENSIONS = 6
MOVABLE = ("int8", "int4", "int2", "uint8", "bool", "int16", "int32", "float32", "float16")
"""Element types that movement takes; quantized ones keep their codes."""

View = Callable[[np.ndarray], np.ndarray]


def whole(array: np.ndarray) -> np.ndarray:
    return array


@dataclass(frozen=True)
class Move:
    """Elements `take(input)` go to `put(output)`; both are views of equal shape, without copies.

    `source` and `target` are positions among the node's inputs and outputs. Where codes change on the way,
    `table` has the code that is written for each code, in the order of their bits (0..127, -128..-1).
    """

    source: int
    target: int
    take: View = whole
    put: View = whole
    table: np.ndarray | None = None


@dataclass(frozen=True)
class Strides:
    """A copy loop: extents and strides from the outermost to the innermost dimension, in elements."""

    extent: tuple[int, ...]
    in_stride: tuple[int, ...]
    out_stride: tuple[int, ...]
    in_offset: int
    out_offset: int

    @property
    def elements(self) -> int:
        return int(np.prod(self.extent, dtype=np.int64))

    @property
    def is_plain(self) -> bool:
        """Whether input and output are the same run of elements from the start."""
        steps = (*self.in_stride[:-1], *self.out_stride[:-1])
        ends = (self.in_stride[-1], self.out_stride[-1], self.in_offset, self.out_offset)
        return not any(steps) and ends == (1, 1, 0, 0)

    def grouped(self, size: int) -> Strides | None:
        """The same copy in groups of `size` neighbouring elements; None where some group is not whole."""
        steps = (
            *self.in_stride[:-1],
            *self.out_stride[:-1],
            self.in_offset,
            self.out_offset,
            self.extent[-1],
        )
        if (self.in_stride[-1], self.out_stride[-1]) != (1, 1) or any(step % size for step in steps):
            return None
        return Strides(
            (*self.extent[:-1], self.extent[-1] // size),
            (*(step // size for step in self.in_stride[:-1]), 1),
            (*(step // size for step in self.out_stride[:-1]), 1),
            self.in_offset // size,
            self.out_offset // size,
        )

    @staticmethod
    def of(source: np.ndarray, target: np.ndarray, in_offset: int, out_offset: int) -> Strides:
        """Fewest dimensions that walk both views, the output in ascending order, padded in front to six.

        The views have elements of one byte. Raises ValueError when more dimensions are needed.
        """
        kept = [d for d in zip(source.shape, source.strides, target.strides, strict=True) if d[0] != 1]
        kept.sort(key=lambda d: -abs(d[2]))
        merged: list[tuple[int, int, int]] = []
        for extent, step_in, step_out in kept:
            if merged and merged[-1][1:] == (step_in * extent, step_out * extent):
                merged[-1] = (merged[-1][0] * extent, step_in, step_out)
            else:
                merged.append((extent, step_in, step_out))
        merged = merged or [(1, 1, 1)]
        if len(merged) > MAX_DIMENSIONS:
            raise ValueError(f"moves elements along {len(merged)} axes; {MAX_DIMENSIONS} are supported")
        padded = [(1, 0, 0)] * (MAX_DIMENSIONS - len(merged)) + merged
        extents, steps_in, steps_out = zip(*padded, strict=True)
        return Strides(extents, steps_in, steps_out, in_offset, out_offset)


class Movement(Operator, ABC):
    """Base: subclasses give `infer`, `moves` and, if moves leave cells unwritten, `background`."""

    output_range: ClassVar[OutputRange] = OutputRange("input")
    narrow: ClassVar[bool] = True
    half: ClassVar[bool] = True
    types: ClassVar[tuple[str, ...]] = MOVABLE
    data: ClassVar[int] = 0
    """Position of the input whose type the outputs share."""
    constants: ClassVar[tuple[int, ...]] = ()
    """Positions of inputs that must be constant: axes, sizes, paddings."""
    max_rank: ClassVar[int] = MAX_DIMENSIONS

    @abstractmethod
    def moves(self, node: Node, graph: Graph) -> list[Move]:
        """Where the elements of the inputs go."""

    def background(self, node: Node, graph: Graph) -> int | float | None:
        """What the cells hold that no move writes; None when the moves write all."""
        return None

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        source = graph.required(node, self.data)
        if source.dtype.name not in self.types:
            return f"{source.dtype.name} is not supported"
        if len(source.shape) > self.max_rank:
            return f"{len(source.shape)} dimensions; up to {self.max_rank} are supported"
        for position in self.constants:
            operand = graph.operand(node, position)
            if operand is not None and not operand.is_constant:
                return f"input {position} ('{operand.name}') must be constant"
        return self.mismatched_types(node, graph)

    def mismatched_types(self, node: Node, graph: Graph) -> str | None:
        source = graph.required(node, self.data)
        for index in node.outputs:
            output = graph.tensor(index)
            if output.dtype != source.dtype:
                return f"{source.dtype.name} input with {output.dtype.name} output"
        return None

    def reference(self, node: Node, graph: Graph, values: Values) -> list[np.ndarray]:
        source = values[self.data]
        assert source is not None
        results = []
        for shape in self.infer(node, graph):
            result = np.zeros(shape, source.dtype)
            result[...] = self.background(node, graph) or 0
            results.append(result)
        for move in self.moves(node, graph):
            taken = values[move.source]
            assert taken is not None
            part = move.take(taken)
            if move.table is not None:
                part = look_up(move.table, part)
            move.put(results[move.target])[...] = part
        return results

    def lower(self, node: Node, graph: Graph) -> list[Step]:
        moves = self.moves(node, graph)
        loops = [_strides(graph.required(node, m.source), graph.output(node, m.target), m) for m in moves]
        if (
            len(moves) == 1
            and len(node.outputs) == 1
            and moves[0].table is None
            and loops[0].is_plain
            and loops[0].elements == graph.output(node).elements
            and not graph.required(node, moves[0].source).is_constant
        ):
            return [Alias(node.inputs[moves[0].source], node.outputs[0])]
        return list(self.copies(node, graph))

    def lower_alike(self, places: Sequence[tuple[Node, Graph]]) -> list[list[Step]]:
        """Where a copy is needed in one place, all places copy."""
        lowered = [self.lower(node, graph) for node, graph in places]
        if all(isinstance(step, Alias) for steps in lowered for step in steps):
            return lowered
        return [list(self.copies(node, graph)) for node, graph in places]

    def copies(self, node: Node, graph: Graph) -> list[KernelCall]:
        """Calls that fill what no move writes and copy the rest."""
        moves, background = self.moves(node, graph), self.background(node, graph)
        loops = [_strides(graph.required(node, m.source), graph.output(node, m.target), m) for m in moves]
        steps: list[KernelCall] = []
        if background is not None:
            steps.extend(fill(index, graph.tensor(index), background) for index in node.outputs)
        for move, loop in zip(moves, loops, strict=True):
            if loop.elements:
                source, target = node.inputs[move.source], node.outputs[move.target]
                steps.append(copy(source, target, graph, loop, move.table))
        return steps


def _strides(source: Tensor, target: Tensor, move: Move) -> Strides:
    """The copy loop of a move between two tensors."""
    taken, in_offset = _probe(source, move.take)
    put, out_offset = _probe(target, move.put)
    if taken.shape != put.shape:
        raise ValueError(f"moves {list(taken.shape)} onto {list(put.shape)}")
    return Strides.of(taken, put, in_offset, out_offset)


def _probe(tensor: Tensor, view: View) -> tuple[np.ndarray, int]:
    """A view of an array of one-byte elements, and where its first element lies; runs of packed elements have the
    places behind their last one."""
    array = np.empty(tensor.shape, np.uint8)
    if tensor.shape and tensor.dtype.is_packed:
        *outer, run = tensor.shape
        array = np.empty((*outer, tensor.dtype.slots(run)), np.uint8)[..., :run]
    viewed = view(array)
    return viewed, viewed.ctypes.data - array.ctypes.data


def width(dtype: DType) -> str:
    """Word for the element size in contract names: x8, x16, x32."""
    return f"x{8 * dtype.bytes}"


def copy(
    source: int, target: int, graph: Graph, loop: Strides, table: np.ndarray | None = None
) -> KernelCall:
    """Call of `strided_copy_x8|x16|x32|packed`, or of `strided_lookup_s8|packed` when codes pass a table.

    A constant source is the kernel's first constant, so the C arguments are the same. Packed elements that fill whole
    bytes are copied as bytes.
    """
    origin, output = graph.tensor(source), graph.tensor(target)
    packed = any_packed(origin, output)
    whole_bytes = loop.grouped(8 // output.dtype.bits) if packed and table is None else None
    if whole_bytes is not None:
        loop, packed = whole_bytes, False
    params: dict[str, Param] = {
        "extent": loop.extent,
        "in_stride": loop.in_stride,
        "out_stride": loop.out_stride,
        "in_offset": loop.in_offset,
        "out_offset": loop.out_offset,
    }
    data, widths = origin.data, (origin.dtype.bits,) if origin.dtype.is_packed else ()
    inputs, constants = ((source,), ()) if data is None else ((), (Constant("in", data, widths),))
    contract = f"strided_copy_{'packed' if packed else width(output.dtype)}"
    if table is not None:
        contract = f"strided_lookup_{'packed' if packed else 's8'}"
        constants = (*constants, Constant("table", table))
    if packed:
        params = {f"walk.{name}": value for name, value in params.items()}
        bits = {"bits": output.dtype.bits}
        params |= bits if table is None else {"in_bits": origin.dtype.bits, "out_bits": output.dtype.bits}
    return KernelCall("strided_copy", contract, params, inputs, (target,), constants)


def written(target: int, values: np.ndarray) -> KernelCall:
    """Call that writes int32 or float32 constants to a tensor."""
    front = (0,) * (MAX_DIMENSIONS - 1)
    loop = Strides((*(1 for _ in front), values.size), (*front, 1), (*front, 1), 0, 0)
    params: dict[str, Param] = dict(vars(loop))
    return KernelCall("strided_copy", "strided_copy_x32", params, (), (target,), (Constant("in", values),))


def fill(target: int, tensor: Tensor, value: int | float) -> KernelCall:
    """Call of `fill_x8|x16|x32` that sets every element of a tensor; the parameter is the bit pattern."""
    if tensor.dtype.is_packed:
        byte = tensor.dtype.pack(np.full(8 // tensor.dtype.bits, value))
        value = int(np.frombuffer(byte, np.int8)[0])
        return KernelCall("fill", "fill_x8", {"count": tensor.bytes, "value": value}, (), (target,))
    pattern = np.array(value, tensor.dtype.numpy).view(f"i{tensor.dtype.bytes}")
    params = {"count": tensor.elements, "value": int(pattern)}
    return KernelCall("fill", f"fill_{width(tensor.dtype)}", params, (), (target,))


def axis_of(axis: int, rank: int) -> int:
    """A possibly negative axis as an index. Raises ValueError when there is none such."""
    if not -rank <= axis < rank:
        raise ValueError(f"axis {axis} of an input with {rank} dimensions")
    return axis % rank


def scalar(graph: Graph, node: Node, position: int) -> int:
    """A constant input of one integer. Raises ValueError when it has another size."""
    data = graph.constant(node, position)
    if data.size != 1:
        raise ValueError(f"input {position} must be one number, not {list(data.shape)}")
    return int(data.reshape(-1)[0])


def vector(graph: Graph, node: Node, position: int, length: int) -> tuple[int, ...]:
    """A constant input of `length` integers. Raises ValueError when it has another size."""
    data = graph.constant(node, position)
    if data.ndim != 1 or data.size != length:
        raise ValueError(f"input {position} must have {length} numbers, not shape {list(data.shape)}")
    return tuple(int(v) for v in data)


def cut(rank: int, axis: int, start: int, stop: int) -> View:
    """View of indices start..stop-1 along one axis of an array of `rank` dimensions."""
    index = tuple(slice(start, stop) if d == axis else slice(None) for d in range(rank))
    return lambda array: array[index]


def draw_shape(draw: Draw, rank: int, largest: int = 5) -> tuple[int, ...]:
    return tuple(draw.integer(1, largest) for _ in range(rank))


def draw_input(case: _cases.Case, shape: Sequence[int], types: Sequence[str] = ("int8", "float32")) -> int:
    """A feature map of one of the types, quantized as files have it: int16 around zero, int32 not at all."""
    name = case.draw.choice(types)
    if name == "int32":
        return case.add(Tensor(f"x{len(case.tensors)}", tuple(shape), BY_NAME[name]))
    return case.input(shape, name, Quantization((case.scale(),), (0,)) if name == "int16" else None)


def same_type(case: _cases.Case, source: int, count: int = 1) -> list[tuple[str, Quantization | None]]:
    """Outputs of the type and quantization of an input, for `Case.graph`."""
    tensor = case.tensors[source]
    return [(tensor.dtype.name, tensor.quant)] * count
