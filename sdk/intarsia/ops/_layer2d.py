# SPDX-License-Identifier: Apache-2.0
"""What CONV_2D and DEPTHWISE_CONV_2D have in common: attributes, geometry, requantization, the call of their kernels.

Inputs: feature map NHWC, weights with output channels along one axis, optional bias. Element types are int8 (weights
per channel or per tensor), 16x8, float32 and float16; maps and weights may also be int4 or int2, each on its own.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

import numpy as np

from intarsia.dtypes import NARROW
from intarsia.fixedpoint import Int64Array, Requantization
from intarsia.ir import Attrs, Graph, Node
from intarsia.kernelcall import Constant, KernelCall, Step
from intarsia.ops import _cases
from intarsia.ops._common import (
    ACTIVATIONS,
    EXPLICIT,
    PADDINGS,
    Activation,
    PaddingMode,
    activation_name,
    float_limits,
    padding_name,
)
from intarsia.ops._convolution import (
    Geometry,
    bias_or_zero,
    channel_requantization,
    range_reason,
    requantization_constants,
    types_reason,
    weights_zero_point,
)
from intarsia.ops._wide import WideRequantization, is_wide, wide_range_reason, wide_reason
from intarsia.ops.base import Draw, Field, Operator, Pads, Shape, Values, WeightRule


@dataclass(frozen=True)
class LayerAttrs(Attrs):
    """`float_product`: the scale product is formed in float32 and weights may have a zero point.

    Both belong to models that were uint8. `pads` (above, below, left, right) are for EXPLICIT padding.
    """

    padding: PaddingMode = "SAME"
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    activation: Activation = "NONE"
    float_product: bool = False
    pads: tuple[int, ...] = ()


def attrs_of(node: Node) -> LayerAttrs:
    assert isinstance(node.attrs, LayerAttrs)
    return node.attrs


@dataclass(frozen=True)
class Parts:
    """What the call of a kernel for integers is made of."""

    geometry: Geometry
    params: dict[str, Any]
    weights: Constant
    behind: tuple[Constant, ...]
    common: dict[str, Any]


class Layer2D(Operator):
    """A layer of weighted windows of an image."""

    unsigned = "float_product"
    batchwise = True
    narrow = True
    half = True
    crops = True
    weights: ClassVar[WeightRule]
    kernel: ClassVar[str]
    """Folder of the kernels, with which the names of all contracts begin."""

    @abstractmethod
    def fits(self, shape: Shape, weights: Shape) -> bool:
        """Whether weights of four dimensions suit an input of four."""

    @abstractmethod
    def rows(self, weights: np.ndarray) -> np.ndarray:
        """The weights as [output channels, taps]."""

    @abstractmethod
    def extent(self, node: Node, graph: Graph) -> dict[str, int]:
        """The kernel's parameter for the number of output channels."""

    @abstractmethod
    def narrow_reason(self, node: Node, graph: Graph) -> str | None:
        """Why packed types keep the layer from running, or None."""

    @abstractmethod
    def float_sums(self, g: Geometry, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Sums of products [N, out_h, out_w, out_c] in float32, added in the order of the taps."""

    @abstractmethod
    def wide_sums(self, g: Geometry, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Sums of products [N, out_h, out_w, out_c] of int16 and int8, exactly."""

    @abstractmethod
    def codes(
        self,
        g: Geometry,
        x: np.ndarray,
        weights: np.ndarray,
        bias: np.ndarray,
        requant: Requantization,
        zero: int,
    ) -> np.ndarray:
        """Codes of the output for codes whose zero point is `zero`, and centred weights."""

    @abstractmethod
    def integer_call(self, node: Node, graph: Graph, parts: Parts) -> KernelCall:
        """The call of the kernel for int8, or for packed types."""

    def read_options(self, options: Any) -> tuple[Any, ...]:
        """Fields of a schema's options that both operators have, in the order of `LayerAttrs`."""
        return (
            padding_name(options.padding),
            (options.strideH, options.strideW),
            (options.dilationHFactor, options.dilationWFactor),
            activation_name(options.fusedActivationFunction),
        )

    def write_options(self, attrs: LayerAttrs, options: Any) -> Any:
        """The other way round, into `options`."""
        options.padding = PADDINGS.index(attrs.padding)
        options.strideH, options.strideW = attrs.stride
        options.dilationHFactor, options.dilationWFactor = attrs.dilation
        options.fusedActivationFunction = ACTIVATIONS.index(attrs.activation)
        return options

    def channels(self, node: Node, graph: Graph) -> int:
        """Output channels, as the weights have them."""
        return graph.required(node, 1).shape[cast("int", self.weights.axis)]

    def geometry(self, node: Node, graph: Graph) -> Geometry:
        """Raises ValueError when weights and input do not fit together."""
        attrs = attrs_of(node)
        shape, weights = graph.required(node, 0).shape, graph.required(node, 1).shape
        if len(weights) != 4 or len(shape) != 4 or not self.fits(shape, weights):
            raise ValueError(f"weights {list(weights)} do not fit an input of {list(shape)}")
        return Geometry.of(
            shape, (weights[1], weights[2]), attrs.stride, attrs.dilation, attrs.padding, attrs.pads
        )

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        channels, axis = self.channels(node, graph), cast("int", self.weights.axis)
        if is_wide(node, graph):
            return wide_reason(node, graph, channels, axis=axis) or wide_range_reason(
                self.rows(graph.constant(node, 1)),
                bias_or_zero(node, graph, channels, np.int64),
                self.wide_requant(node, graph),
            )
        if reason := types_reason(node, graph, channels, axis=axis, narrow=NARROW):
            return reason
        source = graph.required(node, 0)
        if source.dtype.is_float:
            return None
        if weights_zero_point(graph.required(node, 1)) != 0 and not attrs_of(node).float_product:
            return "int8 weights must have zero point 0"
        if reason := self.narrow_reason(node, graph):
            return reason
        kernel, bias = (
            self.rows(self.centred_weights(node, graph)),
            bias_or_zero(node, graph, channels, np.int64),
        )
        return range_reason(kernel, bias, source.zero_point, self.requant(node, graph), source.dtype.range)

    def centred_weights(self, node: Node, graph: Graph) -> Int64Array:
        """Weights in their own shape with the zero point taken off."""
        zero_point = np.int64(weights_zero_point(graph.required(node, 1)))
        centred: Int64Array = graph.constant(node, 1).astype(np.int64) - zero_point
        return centred

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        g = self.geometry(node, graph)
        return [(g.batch, g.out_h, g.out_w, self.channels(node, graph))]

    def requant(self, node: Node, graph: Graph) -> Requantization:
        attrs, channels = attrs_of(node), self.channels(node, graph)
        return channel_requantization(
            node, graph, channels, attrs.activation, float_product=attrs.float_product
        )

    def wide_requant(self, node: Node, graph: Graph) -> WideRequantization:
        return WideRequantization.of(node, graph, self.channels(node, graph), attrs_of(node).activation)

    def receptive_field(self, node: Node, graph: Graph) -> tuple[Field, Field] | None:
        return self.geometry(node, graph).fields()

    def localized(self, node: Node, graph: Graph, pads: Pads) -> tuple[Attrs, dict[int, np.ndarray]]:
        return replace(attrs_of(node), padding=EXPLICIT, pads=pads), {}

    def reference(self, node: Node, graph: Graph, values: Values) -> list[np.ndarray]:
        x, weights = values[0], values[1]
        assert x is not None
        assert weights is not None
        g, channels = self.geometry(node, graph), self.channels(node, graph)
        if x.dtype.kind == "f":
            total = self.float_sums(g, x, weights) + bias_or_zero(node, graph, channels, np.float32)
            return [np.clip(total, *float_limits(attrs_of(node).activation)).astype(x.dtype)]
        bias = bias_or_zero(node, graph, channels, np.int64)
        kernel = weights.astype(np.int64) - weights_zero_point(graph.required(node, 1))
        if is_wide(node, graph):
            return [self.wide_requant(node, graph).apply(self.wide_sums(g, x, kernel) + bias)]
        zero_point = graph.required(node, 0).zero_point
        return [self.codes(g, x, kernel, bias, self.requant(node, graph), zero_point)]

    def macs(self, node: Node, graph: Graph) -> int:
        g, weights = self.geometry(node, graph), graph.required(node, 1)
        return g.batch * g.out_h * g.out_w * weights.elements

    def lower(self, node: Node, graph: Graph) -> list[Step]:
        g, source = self.geometry(node, graph), graph.required(node, 0)
        channels = self.channels(node, graph)
        params: dict[str, Any] = {**g.params(), **self.extent(node, graph)}
        weights = Constant("weights", graph.constant(node, 1))
        common: dict[str, Any] = {
            "inputs": (node.inputs[0],),
            "outputs": node.outputs,
            "macs": self.macs(node, graph),
        }
        if source.dtype.is_float:
            params["minimum"], params["maximum"] = float_limits(attrs_of(node).activation)
            bias = Constant("bias", bias_or_zero(node, graph, channels, np.float32))
            contract = f"{self.kernel}_{source.dtype.code}"
            return [KernelCall(self.kernel, contract, params=params, constants=(weights, bias), **common)]
        if is_wide(node, graph):
            wide = self.wide_requant(node, graph)
            params["minimum"], params["maximum"] = wide.minimum, wide.maximum
            bias = Constant("bias", bias_or_zero(node, graph, channels, np.int64))
            contract, constants = f"{self.kernel}_s16_s8", (weights, bias, *wide.constants())
            return [KernelCall(self.kernel, contract, params=params, constants=constants, **common)]
        requant = self.requant(node, graph)
        params |= {
            "in_zero": source.zero_point,
            "weights_zero": weights_zero_point(graph.required(node, 1)),
            "out_zero": requant.zero_point,
            "minimum": requant.minimum,
            "maximum": requant.maximum,
        }
        bias = Constant("bias", bias_or_zero(node, graph, channels, np.int32))
        behind = (bias, *requantization_constants(requant))
        return [self.integer_call(node, graph, Parts(g, params, weights, behind, common))]

    def drawn(self, draw: Draw, attrs: LayerAttrs, shape: tuple[int, ...], in_c: int, channels: int) -> Graph:
        """A case with weights of that shape over an input that they fit into."""
        reach = [(k - 1) * d + 1 for k, d in zip(shape[1:3], attrs.dilation, strict=True)]
        low = (1, 1) if attrs.padding == "SAME" else (reach[0], reach[1])
        image = (draw.choice((1, 1, 3)), draw.integer(low[0], 12), draw.integer(low[1], 12), in_c)
        case = _cases.Case(draw)
        x = case.input(image, draw.choice(("int8", "float32", "int16")))
        weights = case.weights(x, shape, axis=cast("int", self.weights.axis))
        inputs = [x, weights]
        if draw.choice((True, False)):
            inputs.append(case.bias(x, weights, channels))
        return case.graph(self, inputs, attrs)

    @staticmethod
    def drawn_attrs(draw: Draw) -> tuple[Any, ...]:
        """Attributes for a case, in the order of `LayerAttrs`."""
        return (
            draw.choice(PADDINGS),
            (draw.integer(1, 3), draw.integer(1, 3)),
            draw.choice(((1, 1), (2, 1), (1, 2), (2, 2))),
            draw.choice(ACTIVATIONS),
        )
