# SPDX-License-Identifier: Apache-2.0
"""Layers between DEQUANTIZE and QUANTIZE become integer layers, by the rules that TFLite has for them.

What cannot be an integer layer stays a float layer between its conversions, so that the network computes the same in
any case. Operators that only pass codes on need no QUANTIZE behind them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from intarsia import ops
from intarsia.check import fault
from intarsia.dtypes import FLOAT32, INT8, INT16, INT32, INT64
from intarsia.fixedpoint import INT32_MAX, INT32_MIN
from intarsia.importers.onnx import conversions
from intarsia.importers.onnx.conversions import PASSING, Readers, conversion, float_maps
from intarsia.ir import ABSENT, Graph, Node, Quantization, Tensor
from intarsia.ops.base import WeightRule
from intarsia.passes import dead
from intarsia.quantize import parameters

SAME_SCALE = 1e-5
"""Relative difference of scales that is taken for none: products of two float32 scales, written as float32."""


def run(graph: Graph) -> Graph:
    """The graph with integer layers, and with int8 inputs and outputs where floats would only be converted."""
    if not any(node.op in ("QUANTIZE", "DEQUANTIZE") for node in graph.nodes):
        return graph
    graph = conversions.activations_fused(conversions.quantized_early(graph))
    return dead.run(conversions.without_borders(dead.run(_Rewriting(graph).run())))


class _Rewriting:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.readers = Readers(graph.nodes)
        self.tensors = list(graph.tensors)
        self.nodes: list[Node] = []
        self.codes: dict[int, int] = {}
        """The tensor whose codes mean just what a float tensor holds."""
        self.quantized: dict[tuple[int, Quantization | None, str], int] = {}
        """What a QUANTIZE has made, by source, quantization and type."""
        self.renamed: dict[int, int] = {}

    def run(self) -> Graph:
        for original in self.graph.nodes:
            node = replace(original, inputs=tuple(self.renamed.get(i, i) for i in original.inputs))
            if node.op == "DEQUANTIZE":
                self.codes[node.outputs[0]] = node.inputs[0]
                self.nodes.append(node)
            elif node.op == "QUANTIZE":
                self._quantize(node)
            elif not self._layer(node) and not self._pass_on(node):
                self.nodes.append(node)
        return self.graph.replace(tensors=tuple(self.tensors), nodes=tuple(self.nodes)).verify()

    def _quantize(self, node: Node) -> None:
        """A conversion the model has itself: between codes where its source has some."""
        source, result = node.inputs[0], node.outputs[0]
        codes, target = self.codes.get(source), self.tensors[result]
        if codes == result:
            return
        key = (source if codes is None else codes, target.quant, target.dtype.name)
        known = self.quantized.get(key)
        if codes is not None and (target.quant, target.dtype) == (
            self.tensors[codes].quant,
            self.tensors[codes].dtype,
        ):
            known = codes
        if known is not None and result not in self.graph.results:
            self.renamed[result] = known
            return
        self.quantized[key] = result
        between = None if codes is None else conversion("QUANTIZE", codes, result, node.name)
        self.nodes.append(node if between is None or self._fault(between) else between)

    def _pass_on(self, node: Node) -> bool:
        """Puts an operator that passes values on before the DEQUANTIZE of its inputs; False where that cannot be."""
        maps = float_maps(node, self.graph)
        coded = [self.codes.get(i) for i in maps]
        if node.op not in PASSING and node.op != "RELU":
            return False
        if not maps or None in coded or any(self._is_real_constant(i) for i in node.inputs):
            return False
        kinds = {(self.tensors[i].quant, self.tensors[i].dtype) for i in coded if i is not None}
        if len(kinds) != 1:
            return False
        ((quant, dtype),) = kinds
        mark = len(self.tensors)
        outputs = tuple(
            self._add(
                replace(self.tensors[i], name=f"{self.tensors[i].name}/codes", dtype=dtype, quant=quant)
            )
            for i in node.outputs
        )
        candidate = replace(node, inputs=tuple(self.codes.get(i, i) for i in node.inputs), outputs=outputs)
        if self._fault(candidate):
            del self.tensors[mark:]
            return False
        self.nodes.append(candidate)
        for real, codes in zip(node.outputs, outputs, strict=True):
            self.codes[real] = codes
            self.nodes.append(conversion("DEQUANTIZE", codes, real, node.name))
        return True

    def _layer(self, node: Node) -> bool:
        """Makes an operator that is only quantized an integer layer; False where that cannot be."""
        if ops.get(node.op) is None or len(node.outputs) != 1 or node.outputs[0] in self.graph.results:
            return False
        found = [self.graph.nodes[position] for position in self.readers.of.get(node.outputs[0], [])]
        if not found or any(reader.op != "QUANTIZE" for reader in found):
            return False
        maps = float_maps(node, self.graph)
        if not maps or any(i not in self.codes for i in maps):
            return False
        target = found[0].outputs[0]
        name = self.tensors[node.outputs[0]].name
        self.tensors[target] = replace(self.tensors[target], name=name)
        attempts: tuple[Callable[[Node, int], list[Node] | None], ...] = (self._own_scale, self._shared_scale)
        for attempt in attempts:
            mark = len(self.tensors)
            made = attempt(node, target)
            if made is not None and not any(self._fault(candidate) for candidate in made):
                self.nodes += made
                self.codes[node.outputs[0]] = target
                return True
            del self.tensors[mark:]
        return False

    def _own_scale(self, node: Node, target: int) -> list[Node] | None:
        """With inputs as they are; the output gets the scale that the operator prescribes, and then its own."""
        operator = ops.registry()[node.op]
        inputs = self._inputs(node, None)
        if inputs is None:
            return None
        wanted = self._prescribed(node, inputs, self.tensors[target])
        name = self.tensors[target].name
        if wanted == self.tensors[target].quant:
            direct = replace(node, inputs=inputs, outputs=(target,), name=name)
            return [self._weighted(direct, operator.weights)]
        like = replace(self.tensors[target], name=f"{name}/own", quant=wanted)
        between = self._add(like)
        layer = self._weighted(replace(node, inputs=inputs, outputs=(between,)), operator.weights)
        return [layer, conversion("QUANTIZE", between, target, name)]

    def _prescribed(self, node: Node, inputs: tuple[int, ...], target: Tensor) -> Quantization | None:
        rule = ops.registry()[node.op].output_range
        if rule.kind == "fixed" and target.dtype == INT8:
            return Quantization((float(np.float32(rule.scale)),), (rule.zero_point,))
        if rule.kind == "input":
            first = next(i for i in inputs if i != ABSENT and self.tensors[i].quant is not None)
            return self.tensors[first].quant
        return target.quant

    def _shared_scale(self, node: Node, target: int) -> list[Node] | None:
        """With all inputs brought to the scale of the output, for operators that pass codes on."""
        if ops.registry()[node.op].output_range.kind != "input":
            return None
        inputs = self._inputs(node, self.tensors[target].quant)
        if inputs is None:
            return None
        made, brought = [], []
        for index in inputs:
            tensor = self.tensors[index] if index != ABSENT else None
            if tensor is None or tensor.is_constant or tensor.quant == self.tensors[target].quant:
                brought.append(index)
                continue
            like = replace(tensor, name=f"{tensor.name}/scaled", quant=self.tensors[target].quant)
            brought.append(self._add(like))
            made.append(conversion("QUANTIZE", index, brought[-1], like.name))
        return [
            *made,
            replace(node, inputs=tuple(brought), outputs=(target,), name=self.tensors[target].name),
        ]

    def _inputs(self, node: Node, shared: Quantization | None) -> tuple[int, ...] | None:
        """Inputs as codes; None where one has none. The bias stays as it is: it has its own place."""
        rule = ops.registry()[node.op].weights
        bias = (
            node.inputs[rule.bias]
            if rule and rule.bias is not None and len(node.inputs) > rule.bias
            else ABSENT
        )
        inputs = []
        for index in node.inputs:
            if index in self.codes and index != bias:
                inputs.append(self.codes[index])
            elif index != bias and self._is_real_constant(index):
                tensor = self.tensors[index]
                quant = shared or _exact_scale(tensor)
                if quant is None:
                    return None
                inputs.append(self._add(parameters.constant(tensor, quant)))
            else:
                inputs.append(index)
        return tuple(inputs)

    def _weighted(self, node: Node, rule: WeightRule | None) -> Node:
        """A layer with weights, with its bias as codes and what its weights' zero point asks for."""
        if rule is None:
            return node
        weights = self.tensors[node.inputs[rule.weights]]
        assert weights.quant is not None
        if any(weights.quant.zero_point) and hasattr(node.attrs, "float_product"):
            node = replace(node, attrs=replace(node.attrs, float_product=True))  # type: ignore[call-arg]
        if rule.bias is None or len(node.inputs) <= rule.bias or node.inputs[rule.bias] == ABSENT:
            return node
        source = next(self.tensors[i] for i in node.inputs if i != ABSENT and self._is_codes(i))
        inputs = list(node.inputs)
        bias = self._bias(node.inputs[rule.bias], source, weights)
        inputs[rule.bias] = node.inputs[rule.bias] if bias is None else self._add(bias)
        return replace(node, inputs=tuple(inputs))

    def _bias(self, index: int, source: Tensor, weights: Tensor) -> Tensor | None:
        """A bias in the scale of the products, its own codes where they have that scale already; None when it is not
        known, or no number."""
        assert source.quant is not None
        assert weights.quant is not None
        scales = source.quant.scale[0] * np.array(weights.quant.scale, np.float64)
        codes = self.tensors[self.codes[index]] if index in self.codes else None
        kind = INT64 if source.dtype == INT16 else INT32
        stated = Quantization(tuple(float(np.float32(s)) for s in scales), (0,) * len(scales))
        tensor = self.tensors[index]
        if codes is not None and codes.quant and codes.data is not None and not any(codes.quant.zero_point):
            own = np.array(codes.quant.scale, np.float64)
            if len(own) in (1, len(scales)) and np.allclose(own, scales, rtol=SAME_SCALE, atol=0.0):
                return Tensor(codes.name, codes.shape, kind, stated, codes.data.astype(kind.numpy))
            real = codes.data.astype(np.float64) * own
        elif tensor.data is None:
            return None
        else:
            real = tensor.data.astype(np.float64)
        scaled = np.rint(real.reshape(-1) / scales)
        if not np.isfinite(scaled).all():
            return None
        limited = np.clip(scaled, INT32_MIN, INT32_MAX).astype(kind.numpy).reshape(tensor.shape)
        return Tensor(tensor.name, tensor.shape, kind, stated, limited)

    def _is_codes(self, index: int) -> bool:
        return not self.tensors[index].is_constant and self.tensors[index].quant is not None

    def _is_real_constant(self, index: int) -> bool:
        return index != ABSENT and self.tensors[index].is_constant and self.tensors[index].dtype == FLOAT32

    def _fault(self, node: Node) -> str | None:
        return fault(node, Graph("", tuple(self.tensors), (), (), (), self.graph.rule))

    def _add(self, tensor: Tensor) -> int:
        self.tensors.append(tensor)
        return len(self.tensors) - 1


def _exact_scale(tensor: Tensor) -> Quantization | None:
    """A scale under which a constant of one single value is a code, as exactly as float32 is; None for others."""
    assert tensor.data is not None
    values = np.unique(tensor.data)
    if len(values) != 1 or not np.isfinite(values).all():
        return None
    value = float(values[0])
    return Quantization((float(np.float32(abs(value) / 127)) if value else 1.0,), (0,))
