# SPDX-License-Identifier: Apache-2.0
"""GELU by the error function, which exporters write as x / sqrt(2), Erf, + 1, * x and * 0.5, as one operator Gelu.

The file's operators keep their places: the last one of such a group becomes the Gelu, its Erf an Identity that nobody
needs any more.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from intarsia.importers.onnx.model import Source

CLOSE = 1e-4
"""Relative difference of constants that is taken for none: exporters write 1.4142 in half precision, too."""


def joined(source: Source) -> Source:
    """The model with an operator Gelu for every such group."""
    nodes = list(source.nodes)
    if not any(node.op_type == "Erf" for node in nodes):
        return source
    finder = _Finder(source)
    for position, node in enumerate(source.nodes):
        found = finder.gelu(node) if node.op_type == "Erf" else None
        if found is not None:
            x, last = found
            nodes[position] = _node("Identity", node.input[0], node.output[0], node.name)
            nodes[last] = _node("Gelu", x, source.nodes[last].output[0], source.nodes[last].name)
    return replace(source, nodes=tuple(nodes))


def _node(kind: str, source: str, result: str, name: str) -> Any:
    from onnx import helper

    return helper.make_node(kind, [source], [result], name=name)


class _Finder:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.writers = {name: node for node in source.nodes for name in node.output}
        self.readers: dict[str, list[int]] = {name: [] for name in source.outputs}
        for position, node in enumerate(source.nodes):
            for name in node.input:
                self.readers.setdefault(name, []).append(position)

    def gelu(self, erf: Any) -> tuple[str, int] | None:
        """The x of which an Erf makes a GELU, and the position of the operator that gives the GELU; or None."""
        if len(erf.input) != 1 or len(erf.output) != 1:
            return None
        x = self._scaled(erf.input[0], math.sqrt(0.5))
        reader = self._reader(erf.output[0])
        if x is None or reader is None or not self._adds_one(self.source.nodes[reader], erf.output[0]):
            return None
        return self._product(x, reader)

    def _product(self, x: str, position: int) -> tuple[str, int] | None:
        """x and the position of the product that is 0.5 * x * (what the operator at `position` gives); or None."""
        by_x = by_half = False
        while not (by_x and by_half):
            name = self.source.nodes[position].output[0]
            reader = self._reader(name)
            other = None if reader is None else self._other(self.source.nodes[reader], "Mul", name)
            if reader is None or other is None:
                return None
            if other == x and not by_x:
                by_x = True
            elif self._is(other, 0.5) and not by_half:
                by_half = True
            elif self._scaled(other, 0.5) == x and not (by_x or by_half):
                by_x = by_half = True
            else:
                return None
            position = reader
        return x, position

    def _reader(self, name: str) -> int | None:
        """Position of the only operator that reads a tensor, which is no output of the model."""
        found = self.readers.get(name, [])
        return found[0] if len(found) == 1 and name not in self.source.outputs else None

    def _other(self, node: Any, kind: str, name: str) -> str | None:
        """The other operand of an operator of two."""
        if node.op_type != kind or node.domain not in ("", "ai.onnx") or len(node.input) != 2:
            return None
        others = [operand for operand in node.input if operand != name]
        return others[0] if len(others) == 1 else None

    def _adds_one(self, node: Any, name: str) -> bool:
        other = self._other(node, "Add", name)
        return other is not None and self._is(other, 1.0)

    def _scaled(self, name: str, by: float) -> str | None:
        """What a tensor is, times a number."""
        node = self.writers.get(name)
        if node is None or node.op_type not in ("Mul", "Div") or len(node.input) != 2:
            return None
        left, right = node.input
        if self._is(right, 1 / by if node.op_type == "Div" else by):
            return str(left)
        return str(right) if node.op_type == "Mul" and self._is(left, by) else None

    def _is(self, name: str, number: float) -> bool:
        """Whether a constant is that number."""
        value = self._constant(name)
        if value is None or value.size != 1 or value.dtype.kind not in "fiu":
            return False
        return math.isclose(float(value.reshape(-1)[0]), number, rel_tol=CLOSE)

    def _constant(self, name: str) -> np.ndarray | None:
        if name in self.source.constants:
            return self.source.constants[name].data
        node = self.writers.get(name)
        if node is None or node.op_type != "Constant":
            return None
        from intarsia.importers.onnx import payload

        tensors = [attribute.t for attribute in node.attribute if attribute.name == "value"]
        numbers = [attribute.f for attribute in node.attribute if attribute.name == "value_float"]
        return payload.array(tensors[0], None) if tensors else np.array(numbers, np.float32)
