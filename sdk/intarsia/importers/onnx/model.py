# SPDX-License-Identifier: Apache-2.0
"""The file: bytes to operators in an order in which they can be computed. Whatever is wrong ends in a ModelError."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intarsia.errors import ModelError
from intarsia.importers.onnx import payload
from intarsia.importers.onnx.package import onnx
from intarsia.importers.onnx.values import Known

MAX_ENTRIES = 1 << 14
"""Most operators, constants and the like that are read."""
OLDEST_OPSET, NEWEST_OPSET = 7, 30
AGAIN = "export the model again"


@dataclass(frozen=True, eq=False)
class Port:
    """A graph input: name, name of the element type, shape with None where it is symbolic."""

    name: str
    dtype: str
    shape: tuple[int | str | None, ...] | None


@dataclass(frozen=True, eq=False)
class Source:
    """An ONNX model: `nodes` are NodeProtos in execution order, `constants` the initial values by name."""

    nodes: tuple[Any, ...]
    constants: dict[str, Known]
    inputs: tuple[Port, ...]
    outputs: tuple[str, ...]
    opset: int
    model: Any

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes that the file states or ONNX infers, a symbolic axis as 1."""
        inferred = self.model
        with contextlib.suppress(Exception):
            inferred = onnx().shape_inference.infer_shapes(self.model)
        found = {}
        for value in (*inferred.graph.value_info, *inferred.graph.output):
            kind = value.type.tensor_type
            if kind.HasField("shape"):
                found[value.name] = tuple(max(int(d.dim_value), 1) for d in kind.shape.dim)
        return found


def read(data: bytes, folder: Path | None) -> Source:
    """Raises ModelError, and EnvironmentMissing without the package onnx."""
    model = _inlined(_parsed(data))
    graph = model.graph
    _bound(graph)
    constants = {}
    for tensor in graph.initializer:
        constants[tensor.name] = Known(tensor.name, payload.array(tensor, folder))
    if graph.sparse_initializer:
        raise ModelError("the model has sparse constants", hint="export it with dense weights")
    inputs = tuple(_port(value) for value in graph.input if value.name not in constants)
    given = {port.name for port in inputs}
    if len(given) != len(inputs):
        raise ModelError("two graph inputs have the same name", hint=AGAIN)
    nodes = _ordered(graph.node, given | set(constants))
    return Source(nodes, constants, inputs, tuple(v.name for v in graph.output), _opset(model), model)


def _parsed(data: bytes) -> Any:
    """The ModelProto of a file. Raises ModelError."""
    package = onnx()
    from google.protobuf.message import DecodeError

    try:
        model = package.load_model_from_string(data)
    except (DecodeError, ValueError, RuntimeError):
        raise ModelError(
            "not an ONNX file, or a damaged one", hint="the file may be cut off; export or download it again"
        ) from None
    if not model.HasField("graph") or not model.graph.output:
        raise ModelError("the model has no graph", hint=AGAIN)
    return model


def _inlined(model: Any) -> Any:
    """The model with the functions that it brings along put in their places. Raises ModelError."""
    if not model.functions:
        return model
    from onnx import inliner

    try:
        return inliner.inline_local_functions(model)
    except Exception as error:
        raise ModelError(f"the functions of the model cannot be put in place: {error}", hint=AGAIN) from None


def _bound(graph: Any) -> None:
    counts = {
        "operators": graph.node,
        "constants": graph.initializer,
        "inputs": graph.input,
        "outputs": graph.output,
    }
    for what, entries in counts.items():
        if len(entries) > MAX_ENTRIES:
            raise ModelError(
                f"the model has {len(entries)} {what}; {MAX_ENTRIES} are the most that is read", hint=AGAIN
            )


def _opset(model: Any) -> int:
    versions = [int(o.version) for o in model.opset_import if o.domain in ("", "ai.onnx")]
    opset = versions[0] if versions else 1
    if not OLDEST_OPSET <= opset <= NEWEST_OPSET:
        raise ModelError(
            f"operators of opset {opset}; {OLDEST_OPSET} to {NEWEST_OPSET} are supported",
            hint="export with opset_version=17",
        )
    return opset


def _port(value: Any) -> Port:
    if value.type.WhichOneof("value") != "tensor_type":
        raise ModelError(f"'{value.name}' is not a tensor", hint="export the model with tensors alone")
    kind = value.type.tensor_type
    name = onnx().TensorProto.DataType.Name(kind.elem_type) if kind.elem_type in _known_types() else "?"
    if not kind.HasField("shape"):
        return Port(value.name, name.lower(), None)
    dims = tuple(
        int(d.dim_value) if d.WhichOneof("value") == "dim_value" else (d.dim_param or None)
        for d in kind.shape.dim
    )
    return Port(value.name, name.lower(), dims)


def _known_types() -> list[int]:
    return list(onnx().TensorProto.DataType.values())


def _ordered(nodes: Any, known: set[str]) -> tuple[Any, ...]:
    """Nodes after those whose outputs they read. Raises ModelError for loops, and for names that nobody writes or that
    are written twice."""
    writers = _writers(nodes, known)
    sources = [_sources(node, position, writers, known) for position, node in enumerate(nodes)]
    readers: dict[int, list[int]] = {}
    for position, found in enumerate(sources):
        for source in found:
            readers.setdefault(source, []).append(position)
    waiting = [len(found) for found in sources]
    order = [position for position, count in enumerate(waiting) if count == 0]
    for position in order:
        for reader in readers.get(position, ()):
            waiting[reader] -= 1
            if waiting[reader] == 0:
                order.append(reader)
    if len(order) < len(waiting):
        stuck = next(position for position, count in enumerate(waiting) if count)
        raise ModelError(f"{title(nodes[stuck], stuck)} depends on its own output", hint=AGAIN)
    return tuple(nodes[position] for position in _stable(order, nodes, writers))


def _writers(nodes: Any, known: set[str]) -> dict[str, int]:
    """Position of the node that writes each name. Raises ModelError."""
    writers: dict[str, int] = {}
    for position, node in enumerate(nodes):
        for name in filter(None, node.output):
            if name in writers or name in known:
                raise ModelError(f"'{name}' is written a second time by {title(node, position)}", hint=AGAIN)
            writers[name] = position
    return writers


def _sources(node: Any, position: int, writers: dict[str, int], known: set[str]) -> set[int]:
    """Positions of the nodes that a node reads. Raises ModelError for what nobody writes."""
    for name in filter(None, node.input):
        if name not in writers and name not in known:
            raise ModelError(f"{title(node, position)} reads '{name}', which nobody writes", hint=AGAIN)
    return {writers[name] for name in node.input if name in writers}


def _stable(order: list[int], nodes: Any, writers: dict[str, int]) -> list[int]:
    """The order of the file where that is one in which nodes can be computed, else `order`."""
    for position, node in enumerate(nodes):
        if any(writers.get(name, -1) >= position for name in node.input):
            return order
    return sorted(order)


def title(node: Any, position: int) -> str:
    """How messages name a node."""
    kind = f"{node.domain}.{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type
    name = f" '{node.name}'" if node.name else ""
    output = f", output '{node.output[0]}'" if node.output else ""
    return f"{kind}{name} (operator {position}{output})"
