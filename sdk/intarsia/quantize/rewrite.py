# SPDX-License-Identifier: Apache-2.0
"""Builds the int8 graph: operators in integers where they can be, in float between conversions elsewhere."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from intarsia import ops
from intarsia.calibrate import Statistics
from intarsia.dtypes import INT8
from intarsia.ir import ABSENT, Attrs, Graph, Node, Quantization, Tensor
from intarsia.ops.base import WeightRule
from intarsia.quantize import correction, parameters
from intarsia.quantize.assign import is_float_constant, is_float_map, passes_codes

CONVERSIONS = ("QUANTIZE", "DEQUANTIZE")


class Rewriter:
    """Copies a float graph node by node; each float feature map exists as int8, as float32 or both.

    Nodes that make a tensor named in `real` stay as they are.
    """

    def __init__(
        self,
        graph: Graph,
        quantization: dict[int, Quantization],
        statistics: Statistics,
        *,
        correct_bias: bool,
        real: Collection[str] = (),
    ) -> None:
        self.graph, self.quantization = graph, quantization
        self.statistics, self.correct_bias, self.kept = statistics, correct_bias, frozenset(real)
        self.tensors: list[Tensor] = []
        self.nodes: list[Node] = []
        self.plain: dict[int, int] = {}
        """New index of a tensor in its own type."""
        self.coded: dict[tuple[int, Quantization], int] = {}
        """New index of a float tensor as int8 codes."""

    def run(self, io: str) -> Graph:
        """The int8 graph; `io` is the type of float inputs and outputs: int8 or float32."""
        inputs = tuple(self._graph_input(index, io) for index in self.graph.inputs)
        for node in self.graph.nodes:
            self._node(node)
        outputs = tuple(self._graph_output(index, io) for index in self.graph.outputs)
        return self.graph.replace(
            tensors=tuple(self.tensors), nodes=tuple(self.nodes), inputs=inputs, outputs=outputs
        ).verify()

    def _graph_input(self, index: int, io: str) -> int:
        if is_float_map(self.graph, index) and io == "int8":
            return self._new_codes(index, self.quantization[index])
        return self._own(index)

    def _graph_output(self, index: int, io: str) -> int:
        if is_float_map(self.graph, index):
            return self._codes(index, self.quantization[index]) if io == "int8" else self._real(index)
        return self._own(index)

    def _node(self, node: Node) -> None:
        involved = [i for i in (*node.inputs, *node.outputs) if is_float_map(self.graph, i)]
        if not involved:
            self._keep(node)
        elif node.op in CONVERSIONS and len(involved) == 1:
            self._conversion(node)
        elif self.graph.output(node).name in self.kept:
            self._keep(node)
        elif (candidate := self._integer(node)) is not None:
            self.nodes.append(candidate)
        else:
            self._keep(node)

    def _keep(self, node: Node) -> None:
        """The node as it was, on float32 values."""
        inputs = tuple(self._real(i) if is_float_map(self.graph, i) else self._own(i) for i in node.inputs)
        self.nodes.append(replace(node, inputs=inputs, outputs=tuple(self._own(i) for i in node.outputs)))

    def _conversion(self, node: Node) -> None:
        """A conversion the model has itself: it vanishes where both sides already are the same codes."""
        source, result = node.inputs[0], node.outputs[0]
        integer, real = (result, source) if node.op == "QUANTIZE" else (source, result)
        tensor = self.graph.tensor(integer)
        if tensor.dtype != INT8 or tensor.quant is None:
            self._keep(node)
        elif node.op == "DEQUANTIZE":
            self.coded[real, tensor.quant] = self._own(integer)
        else:
            self.plain[integer] = self._codes(real, tensor.quant)

    def _integer(self, node: Node) -> Node | None:
        """The node on int8 codes, its new tensors added, or None when the operator has no such form."""
        mark = len(self.tensors), len(self.nodes), dict(self.plain), dict(self.coded)
        operator = ops.registry()[node.op]
        shared = self.quantization.get(node.outputs[0]) if passes_codes(operator) else None
        inputs = [self._integer_input(index, shared) for index in node.inputs]
        if operator.weights is not None and not self._weighted(node, inputs, operator.weights):
            candidate = None
        else:
            outputs = tuple(
                self._new_codes(i, self.quantization[i]) if is_float_map(self.graph, i) else self._own(i)
                for i in node.outputs
            )
            candidate = replace(node, inputs=tuple(inputs), outputs=outputs)
            if operator.unsupported(candidate, self.graph.replace(tensors=tuple(self.tensors))) is None:
                return candidate
        del self.tensors[mark[0] :], self.nodes[mark[1] :]
        self.plain, self.coded = mark[2], mark[3]
        return None

    def _integer_input(self, index: int, shared: Quantization | None) -> int:
        if index == ABSENT:
            return ABSENT
        tensor = self.graph.tensor(index)
        if is_float_map(self.graph, index):
            return self._codes(index, shared or self.quantization[index])
        if is_float_constant(self.graph, index):
            assert tensor.data is not None
            spans = (float(tensor.data.min()), float(tensor.data.max())) if tensor.data.size else (0.0, 0.0)
            quantization = shared or parameters.activation(*spans)
            if (index, quantization) not in self.coded:
                self.coded[index, quantization] = self._add(parameters.constant(tensor, quantization))
            return self.coded[index, quantization]
        return self._own(index)

    def _weighted(self, node: Node, inputs: list[int], rule: WeightRule) -> bool:
        """Puts integer weights and bias among the inputs; False when the node has none to convert."""
        weights = self.graph.operand(node, rule.weights)
        source = next((i for i in node.inputs if is_float_map(self.graph, i)), None)
        if weights is None or weights.data is None or not weights.dtype.is_float or source is None:
            return False
        bias = self.graph.operand(node, rule.bias) if rule.bias is not None else None
        values = None if bias is None else bias.data
        if bias is not None and values is None:
            return False
        scale = self.quantization[source].scale[0]
        quantized = parameters.weights(weights, rule.axis, values, scale)
        if self.correct_bias and rule.bias is not None:
            mean = self.statistics.of(self.graph, source).channel_mean
            values = correction.corrected_bias(node.op, weights, quantized, values, mean)
        inputs[rule.weights] = self._add(quantized)
        if values is not None and rule.bias is not None:
            name = bias.name if bias is not None else f"{weights.name}/bias"
            inputs.extend([ABSENT] * (rule.bias + 1 - len(inputs)))
            inputs[rule.bias] = self._add(parameters.bias(name, values, scale, quantized))
        return True

    def _codes(self, index: int, quantization: Quantization) -> int:
        """New index of a float feature map as codes of a quantization; converts where it has another form."""
        if (index, quantization) in self.coded:
            return self.coded[index, quantization]
        own = self.coded.get((index, self.quantization[index]))
        source = self.plain[index] if own is None else own
        target = self._new_codes(index, quantization)
        self._convert("QUANTIZE", source, target)
        return target

    def _real(self, index: int) -> int:
        """New index of a float feature map as float32 values."""
        if index not in self.plain:
            source = self.coded[index, self.quantization[index]]
            tensor = self.graph.tensor(index)
            self.plain[index] = self._add(replace(tensor, name=f"{tensor.name}/float"))
            self._convert("DEQUANTIZE", source, self.plain[index])
        return self.plain[index]

    def _own(self, index: int) -> int:
        """New index of a tensor in its own type, added when it is new."""
        if index == ABSENT:
            return ABSENT
        if index not in self.plain:
            self.plain[index] = self._add(self.graph.tensor(index))
        return self.plain[index]

    def _new_codes(self, index: int, quantization: Quantization) -> int:
        tensor = self.graph.tensor(index)
        known = index in self.plain or any(key[0] == index for key in self.coded)
        name = f"{tensor.name}/int8" if known else tensor.name
        self.coded[index, quantization] = self._add(Tensor(name, tensor.shape, INT8, quantization))
        return self.coded[index, quantization]

    def _convert(self, op: str, source: int, target: int) -> None:
        self.nodes.append(Node(op, (source,), (target,), Attrs(), self.tensors[target].name))

    def _add(self, tensor: Tensor) -> int:
        self.tensors.append(tensor)
        return len(self.tensors) - 1
