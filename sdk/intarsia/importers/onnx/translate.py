# SPDX-License-Identifier: Apache-2.0
"""An ONNX model, operator by operator, to a float graph with QUANTIZE and DEQUANTIZE where the model has them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from intarsia import dtypes
from intarsia.errors import ModelError
from intarsia.importers.onnx import rules
from intarsia.importers.onnx.builder import MAX_ELEMENTS, Builder
from intarsia.importers.onnx.call import Call, Refused
from intarsia.importers.onnx.layout import input_order
from intarsia.importers.onnx.model import AGAIN, Port, Source, title
from intarsia.importers.onnx.rules import folding
from intarsia.importers.onnx.values import Known, Map, Value, plain_view
from intarsia.ir import Graph, Node, Refusal, Tensor

HINT = "`intarsia analyze --operators` lists what is supported; replace the layer or split the model there"
INPUT_TYPES = {
    "float": dtypes.FLOAT32,
    "double": dtypes.FLOAT32,
    "float16": dtypes.FLOAT32,
    "int8": dtypes.INT8,
    "uint8": dtypes.UINT8,
    "int16": dtypes.INT16,
    "int32": dtypes.INT32,
    "int64": dtypes.INT32,
    "bool": dtypes.BOOL,
}
"""Element types of inputs, and what they become."""


def translate(source: Source, *, name: str, rule: str, partial: bool = False) -> Graph:
    """The graph of a model. With `partial` it keeps operators that are not supported, by their names in ONNX, if the
    shapes of their outputs are known. Raises ModelError that lists every operator that is not supported."""
    return _Translation(source, name, rule, partial).run()


class _Translation:
    def __init__(self, source: Source, name: str, rule: str, partial: bool) -> None:
        self.source, self.name, self.partial = source, name, partial
        self.shapes: dict[str, tuple[int, ...]] | None = None
        self.builder = Builder(rule)
        self.values: dict[str, Value] = dict(source.constants)
        self.refused: list[str] = []
        self.hints: list[str] = []
        self.broken: set[str] = set()

    def run(self) -> Graph:
        inputs = tuple(self._input(port) for port in self.source.inputs)
        if not self.partial:
            self._check_names()
        for position, node in enumerate(self.source.nodes):
            if not self.broken.intersection(node.input):
                self._node(node, position)
            else:
                self.broken.update(node.output)
        if self.refused:
            hint = "; ".join(dict.fromkeys(self.hints)) or HINT
            raise ModelError("operators that are not supported:\n  " + "\n  ".join(self.refused), hint=hint)
        outputs = tuple(self._output(name) for name in self.source.outputs)
        graph = Graph(
            self.name,
            tuple(self.builder.tensors),
            tuple(self.builder.nodes),
            inputs,
            outputs,
            self.builder.rule,
        )
        try:
            return graph.verify()
        except ValueError as error:
            raise ModelError(f"malformed model: {error}", hint=AGAIN) from None

    def _check_names(self) -> None:
        """Raises ModelError listing all operators that have no rule, before any of them is translated."""
        known = rules.registry()
        unknown = [
            title(node, position)
            for position, node in enumerate(self.source.nodes)
            if (rules.key(node) not in known and not folding.folds(node))
        ]
        if unknown:
            keys = dict.fromkeys(rules.key(node) for node in self.source.nodes)
            hint = "; ".join(rules.remedies()[key] for key in keys if key in rules.remedies()) or HINT
            raise ModelError("operators that are not supported:\n  " + "\n  ".join(unknown), hint=hint)

    def _input(self, port: Port) -> int:
        where = f"input '{port.name}'"
        if port.dtype not in INPUT_TYPES:
            raise ModelError(f"{where} is of type {port.dtype}", hint=f"supported: {', '.join(INPUT_TYPES)}")
        shape = _fixed(port, where)
        order = input_order(port.name, len(shape), self.source.nodes)
        physical = tuple(shape[axis] for axis in order)
        tensor = self.builder.add(Tensor(port.name, physical, INPUT_TYPES[port.dtype]))
        self.values[port.name] = Map(tensor, tuple((order.index(axis),) for axis in range(len(shape))))
        return tensor

    def _node(self, node: Any, position: int) -> None:
        builder = self.builder
        builder.label = node.output[0] if node.output else node.name
        since = len(builder.nodes)
        try:
            results = self._results(node)
        except (Refused, ValueError, OverflowError, LookupError, TypeError, MemoryError) as error:
            if self.partial and self._kept(node, str(error)):
                return
            self.refused.append(f"{title(node, position)}: {error}")
            if isinstance(error, Refused) and error.hint:
                self.hints.append(error.hint)
            self.broken.update(node.output)
            return
        for name, value in zip(node.output, results, strict=False):
            self.values[name] = value
            if isinstance(value, Map):
                builder.name_result(value.tensor, name, since)

    def _kept(self, node: Any, reason: str) -> bool:
        """Keeps an operator that is not supported; False when the shape of an output is not known."""
        if self.shapes is None:
            self.shapes = self.source.shapes()
        shapes = [self.shapes.get(name) for name in node.output]
        sources = [self.values.get(name) for name in node.input]
        tensors = [self.builder.plain(value) for value in sources if isinstance(value, Map)]
        if not tensors or None in shapes or any(math.prod(s or ()) > MAX_ELEMENTS for s in shapes):
            return False
        outputs = []
        for name, shape in zip(node.output, shapes, strict=True):
            outputs.append(self.builder.add(Tensor(name, shape or (), dtypes.FLOAT32)))
            self.values[name] = Map(outputs[-1], plain_view(len(shape or ())))
        label = node.output[0] if node.output else node.name
        kept = Node(rules.key(node), tuple(tensors), tuple(outputs), Refusal(reason), label)
        self.builder.nodes.append(kept)
        return True

    def _results(self, node: Any) -> Sequence[Value]:
        operands = tuple(self._operand(name) for name in node.input)
        call = Call(node, operands, _attributes(node), self.source.opset, self.builder)
        if folding.applies(call):
            return folding.fold(call)
        rule = rules.registry().get(rules.key(node))
        if rule is None:
            between = folding.folds(node)
            raise Refused(
                "it is supported between constants alone" if between else "the operator is not supported"
            )
        results = rule.translate(call)
        return [results] if isinstance(results, (Known, Map)) else results

    def _operand(self, name: str) -> Value | None:
        if name and name not in self.values:
            raise Refused(f"reads '{name}', an output that is not supported")
        return self.values[name] if name else None

    def _output(self, name: str) -> int:
        value = self.values.get(name)
        if value is None:
            raise ModelError(f"graph output '{name}' is never written", hint=AGAIN)
        self.builder.label = name
        since = len(self.builder.nodes)
        if isinstance(value, Known):
            value = self.builder.as_map(value)
        lies_last = value.rank == 4 and value.view == self.builder.from_images(value.tensor, 4).view
        tensor = value.tensor if lies_last else self.builder.plain(value)
        self.builder.name_result(tensor, name, since)
        return tensor


def _fixed(port: Port, where: str) -> tuple[int, ...]:
    """The shape of an input, with a batch of 1 where it is symbolic. Raises ModelError for what else is symbolic."""
    if port.shape is None:
        raise ModelError(f"{where} has no shape", hint="export with fixed shapes")
    shape = []
    for axis, extent in enumerate(port.shape):
        symbolic = not isinstance(extent, int)
        if symbolic and axis > 0:
            raise ModelError(
                f"{where} has no fixed extent along axis {axis} ('{extent or '?'}')",
                hint="export with fixed shapes; only the batch, the first axis, may be symbolic",
            )
        shape.append(1 if symbolic or not isinstance(extent, int) else extent)
    if any(extent < 1 for extent in shape) or math.prod(shape) > MAX_ELEMENTS or len(shape) > 6:
        raise ModelError(f"{where} has shape {shape}", hint="export with fixed shapes")
    return tuple(shape)


def _attributes(node: Any) -> dict[str, Any]:
    """Values of a node's attributes; graphs and tensors stay protos. Raises Refused."""
    from onnx import helper

    found = {}
    for attribute in node.attribute:
        try:
            found[attribute.name] = helper.get_attribute_value(attribute)
        except (ValueError, TypeError) as error:
            raise Refused(f"attribute '{attribute.name}' cannot be read: {error}") from None
    return {
        name: list(value)
        if not isinstance(value, (bytes, str, int, float)) and hasattr(value, "__len__")
        else value
        for name, value in found.items()
    }
