# SPDX-License-Identifier: Apache-2.0
"""CONCATENATION along one axis.

int8 parts must have the output's quantization, as the TFLite kernels demand. Parts of models that were uint8
may differ: they are requantized in float32, as the reference does (ConcatenationWithScaling). int4 and int2 parts, or
parts of such an output, may differ, too: they are requantized in integers, as by QUANTIZE.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from intarsia.ir import Attrs, Graph, Node, Tensor
from intarsia.ops import _cases
from intarsia.ops._common import ACTIVATIONS, Activation, activation_name, schema
from intarsia.ops._movement import Move, Movement, axis_of, cut, draw_input, draw_shape
from intarsia.ops._packed import any_packed, requantization_reason, requantization_table
from intarsia.ops.base import Draw, Field, Shape, pointwise


@dataclass(frozen=True)
class ConcatenationAttrs(Attrs):
    """`float_rescale`: codes were uint8; parts of another scale are requantized as the uint8 kernel does."""

    axis: int = 0
    activation: Activation = "NONE"
    float_rescale: bool = False


class Concatenation(Movement):
    name = "CONCATENATION"
    unsigned = "float_rescale"
    batchwise = True
    attrs = ConcatenationAttrs

    def parse(self, options: Any) -> ConcatenationAttrs:
        return ConcatenationAttrs(int(options.axis), activation_name(options.fusedActivationFunction))

    def options(self, attrs: Attrs) -> Any:
        assert isinstance(attrs, ConcatenationAttrs)
        options = schema().ConcatenationOptionsT()
        options.axis = attrs.axis
        options.fusedActivationFunction = ACTIVATIONS.index(attrs.activation)
        return options

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        attrs = node.attrs
        assert isinstance(attrs, ConcatenationAttrs)
        if attrs.activation != "NONE":
            return f"fused activation {attrs.activation}"
        return super().unsupported(node, graph) or self.unfit_part(node, attrs, graph)

    def mismatched_types(self, node: Node, graph: Graph) -> str | None:
        """Every part is looked at on its own."""
        return None

    def unfit_part(self, node: Node, attrs: ConcatenationAttrs, graph: Graph) -> str | None:
        """Why a part cannot become part of the output, or None."""
        output = graph.output(node)
        for position in range(len(node.inputs)):
            part = graph.required(node, position)
            if any_packed(part, output):
                if reason := requantization_reason(part, output):
                    return reason
                continue
            if part.dtype != output.dtype:
                return f"part {position} is {part.dtype.name}, the output {output.dtype.name}"
            if rescaled(part, output) and (part.dtype.name != "int8" or not attrs.float_rescale):
                return f"part {position} ('{part.name}') has another quantization than the output"
        return None

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        attrs = node.attrs
        assert isinstance(attrs, ConcatenationAttrs)
        shapes = [graph.required(node, i).shape for i in range(len(node.inputs))]
        if not shapes:
            raise ValueError("has no inputs")
        axis = axis_of(attrs.axis, len(shapes[0]))
        for position, shape in enumerate(shapes):
            if len(shape) != len(shapes[0]) or _without(shape, axis) != _without(shapes[0], axis):
                raise ValueError(
                    f"part {position} of shape {list(shape)} does not fit {list(shapes[0])} along axis {axis}"
                )
        total = sum(shape[axis] for shape in shapes)
        return [(*shapes[0][:axis], total, *shapes[0][axis + 1 :])]

    def receptive_field(self, node: Node, graph: Graph) -> tuple[Field, Field] | None:
        """Channels alone can be joined patch by patch."""
        attrs, rank = node.attrs, len(graph.output(node).shape)
        assert isinstance(attrs, ConcatenationAttrs)
        return pointwise(node, graph) if axis_of(attrs.axis, rank) == rank - 1 else None

    def moves(self, node: Node, graph: Graph) -> list[Move]:
        attrs = node.attrs
        assert isinstance(attrs, ConcatenationAttrs)
        output, moves, start = graph.output(node), [], 0
        for position in range(len(node.inputs)):
            part = graph.required(node, position)
            rank = len(part.shape)
            axis = axis_of(attrs.axis, rank)
            stop = start + part.shape[axis]
            table = None
            if any_packed(part, output) and (rescaled(part, output) or part.dtype != output.dtype):
                table = requantization_table(part, output)
            elif rescaled(part, output):
                table = rescaling_table(part, output)
            moves.append(Move(position, 0, put=cut(rank, axis, start, stop), table=table))
            start = stop
        return moves

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        rank = draw.choice((4, 1, 2, 3, 5))
        axis = draw.integer(0, rank - 1)
        shape = draw_shape(draw, rank, 4)
        first = draw_input(case, shape, ("int8", "float32", "int32", "int16"))
        tensor, inputs = case.tensors[first], [first]
        for _ in range(draw.integer(0, 3)):
            part = (*shape[:axis], draw.integer(1, 4), *shape[axis + 1 :])
            if draw.choice((True, True, True, False)):
                inputs.append(case.add(replace(tensor, name=f"x{len(case.tensors)}", shape=part)))
            else:
                low = 0 if tensor.dtype.is_float else -100
                values = draw.array(part, low, 100).astype(tensor.dtype.numpy)
                inputs.append(case.constant(values, tensor.quant))
        attrs = ConcatenationAttrs(draw.choice((axis, axis - rank)))
        return case.graph(self, inputs, attrs, [(tensor.dtype.name, tensor.quant)])


def _without(shape: Sequence[int], axis: int) -> list[int]:
    return [extent for i, extent in enumerate(shape) if i != axis]


def rescaled(part: Tensor, output: Tensor) -> bool:
    """Whether a part's codes mean something else than the output's."""
    if part.quant is None or output.quant is None:
        return False
    return (part.quant.scale, part.quant.zero_point) != (output.quant.scale, output.quant.zero_point)


def rescaling_table(part: Tensor, output: Tensor) -> np.ndarray:
    """Output code for each int8 code, computed on the uint8 codes that they were (ConcatenationWithScaling).

    In the order of the int8 codes' bytes (0..127, -128..-1).
    """
    codes = (np.arange(256, dtype=np.uint8) ^ np.uint8(128)).astype(np.float32)
    scale = np.float32(part.scale) * (np.float32(1) / np.float32(output.scale))
    bias = np.float32(-(part.zero_point + 128)) * scale
    scaled = (codes * scale + bias).astype(np.float64)
    rounded = (np.copysign(np.floor(np.abs(scaled) + 0.5), scaled)).astype(np.int64)
    return (np.clip(rounded + output.zero_point + 128, 0, 255) - 128).astype(np.int8)


OPERATOR = Concatenation()
