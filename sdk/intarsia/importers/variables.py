# SPDX-License-Identifier: Apache-2.0
"""Variables become states: what is read before it is assigned, and what is assigned last.

VAR_HANDLE, READ_VARIABLE and ASSIGN_VARIABLE disappear; the subgraph that CALL_ONCE names is run here, since it gives
the initial values. Operators with variable tensors of their own (SVDF, LSTM) get a further output for each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from intarsia import check, ops
from intarsia.dtypes import INT8, INT32
from intarsia.errors import ModelError
from intarsia.ir import ABSENT, Attrs, Graph, Node, State, Tensor

OPERATORS = ("ASSIGN_VARIABLE", "CALL_ONCE", "READ_VARIABLE", "VAR_HANDLE")

Part = tuple[list[Tensor], list[Node]]


@dataclass(frozen=True)
class HandleAttrs(Attrs):
    """`key`: container and name of a variable."""

    key: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class CallOnceAttrs(Attrs):
    """`subgraph`: the one that gives variables their initial values."""

    subgraph: int = 0


def parse(name: str, options: object) -> Attrs:
    """Attrs of an operator on variables from the schema's options object. Raises AttributeError without one."""
    if name == "VAR_HANDLE":
        texts = (options.container, options.sharedName)  # type: ignore[attr-defined]
        container, shared = (t.decode("utf-8", "replace") if t else "" for t in texts)
        return HandleAttrs((container, shared))
    if name == "CALL_ONCE":
        return CallOnceAttrs(int(options.initSubgraphIndex))  # type: ignore[attr-defined]
    return Attrs()


class Starts:
    """Initial values of variables, by key; `part` gives tensors and nodes of a subgraph."""

    def __init__(self, part: Callable[[int], Part]) -> None:
        self._part = part
        self.values: dict[tuple[str, str], np.ndarray] = {}

    def run(self, subgraph: int) -> None:
        """Runs an initialiser. Raises ModelError for what is neither an assignment nor made from constants."""
        tensors, nodes = self._part(subgraph)
        graph = Graph("initialiser", tuple(tensors), tuple(nodes), (), ())
        values = {i: t.data for i, t in enumerate(tensors) if t.data is not None}
        handles: dict[int, tuple[str, str]] = {}
        for node in nodes:
            if isinstance(node.attrs, HandleAttrs) and node.outputs:
                handles[node.outputs[0]] = node.attrs.key
            elif node.op == "ASSIGN_VARIABLE" and len(node.inputs) == 2 and node.inputs[1] in values:
                self.values[_key(handles, node)] = values[node.inputs[1]]
            elif any(i != ABSENT and i not in values for i in node.inputs) or check.fault(node, graph):
                raise ModelError(f"{node.op} in the subgraph that gives variables their initial values")
            else:
                operands = [None if i == ABSENT else values[i] for i in node.inputs]
                with np.errstate(all="ignore"):
                    results = ops.registry()[node.op].reference(node, graph, operands)
                values |= dict(zip(node.outputs, results, strict=True))


def _key(handles: dict[int, tuple[str, str]], node: Node) -> tuple[str, str]:
    """The variable that a node reads or assigns."""
    if not node.inputs or node.inputs[0] not in handles:
        raise ModelError(f"{node.op} '{node.name}' has no VAR_HANDLE", hint="convert the model again")
    return handles[node.inputs[0]]


def resolve(graph: Graph, starts: Starts) -> Graph:
    """The graph with states in place of variables. Raises ModelError for what cannot be resolved."""
    return _Resolver(graph, starts).run()


class _Resolver:
    def __init__(self, graph: Graph, starts: Starts) -> None:
        self.graph, self.starts = graph, starts
        self.tensors = list(graph.tensors)
        self.nodes: list[Node] = []
        self.handles: dict[int, tuple[str, str]] = {}
        self.renamed: dict[int, int] = {}
        self.before: dict[tuple[str, str] | int, int] = {}
        """The tensor that an inference finds, by variable or by variable tensor of an operator."""
        self.current: dict[tuple[str, str] | int, int] = {}

    def run(self) -> Graph:
        for node in self.graph.nodes:
            self._node(node)
        outputs = tuple(self.renamed.get(i, i) for i in self.graph.outputs)
        kept = set(self.before.values())
        outputs = tuple(self._copied(i) if i in kept else i for i in outputs)
        written = {index for node in self.nodes for index in node.outputs}
        states = []
        for key, before in self.before.items():
            after = self.current[key]
            if after == before:
                self.tensors[before] = replace(self.tensors[before], data=self._initial(key, before))
                continue
            after = after if after in written else self._copied(after)
            states.append(State(before, after, self._initial(key, before)))
        return self.graph.replace(
            tensors=tuple(self.tensors), nodes=tuple(self.nodes), outputs=outputs, states=tuple(states)
        )

    def _node(self, node: Node) -> None:
        if isinstance(node.attrs, HandleAttrs) and node.outputs:
            self.handles[node.outputs[0]] = node.attrs.key
        elif isinstance(node.attrs, CallOnceAttrs):
            self.starts.run(node.attrs.subgraph)
        elif node.op == "READ_VARIABLE" and node.outputs:
            self._read(_key(self.handles, node), node.outputs[0])
        elif node.op == "ASSIGN_VARIABLE" and len(node.inputs) == 2:
            self.current[_key(self.handles, node)] = self.renamed.get(node.inputs[1], node.inputs[1])
        elif node.op in OPERATORS:
            raise ModelError(f"{node.op} '{node.name}' lacks an operand", hint="convert the model again")
        else:
            self._ordinary(node)

    def _read(self, key: tuple[str, str], target: int) -> None:
        if key not in self.current:
            like = self.tensors[target]
            self.before[key] = self.current[key] = self._add(replace(like, name=key[1] or like.name))
        self.renamed[target] = self.current[key]

    def _ordinary(self, node: Node) -> None:
        inputs = [self.renamed.get(i, i) for i in node.inputs]
        outputs = list(node.outputs)
        operator = ops.get(node.op)
        for position in operator.states if operator else ():
            if position >= len(inputs) or inputs[position] == ABSENT:
                continue
            variable = node.inputs[position]
            if self.tensors[variable].is_constant or variable in self.graph.inputs:
                raise ModelError(f"{node.op} '{node.name}': input {position} must be a variable tensor")
            self.before.setdefault(variable, variable)
            inputs[position] = self.current.get(variable, variable)
            tensor = self.tensors[variable]
            self.current[variable] = self._add(replace(tensor, name=f"{tensor.name}/after"))
            outputs.append(self.current[variable])
        self.nodes.append(replace(node, inputs=tuple(inputs), outputs=tuple(outputs)))

    def _initial(self, key: tuple[str, str] | int, before: int) -> np.ndarray:
        """What the first inference finds: as assigned, else real 0 for int8 and zeros for other types, as TFLite has
        it."""
        tensor = self.tensors[before]
        if isinstance(key, tuple) and key in self.starts.values:
            value = self.starts.values[key]
            if value.size == tensor.elements and value.dtype == tensor.dtype.numpy:
                return value.reshape(tensor.shape)
            raise ModelError(f"variable '{key[1]}' starts as {value.dtype}{list(value.shape)}")
        zero = tensor.quant.zero_point[0] if tensor.dtype == INT8 and tensor.quant else 0
        return np.full(tensor.shape, zero, tensor.dtype.numpy)

    def _add(self, tensor: Tensor) -> int:
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def _copied(self, index: int) -> int:
        """A tensor of its own for what is left as it was found."""
        source = self.tensors[index]
        shape = self._add(
            Tensor(
                f"{source.name}/shape", (len(source.shape),), INT32, None, np.array(source.shape, np.int32)
            )
        )
        copy = self._add(replace(source, name=f"{source.name}/copy", data=None))
        attrs = ops.registry()["RESHAPE"].attrs()
        self.nodes.append(Node("RESHAPE", (index, shape), (copy,), attrs, self.tensors[copy].name))
        return copy
