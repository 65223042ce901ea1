# SPDX-License-Identifier: Apache-2.0
"""`model.itr`: a quantized graph as one file, a zip of `graph.json` and `.npy` arrays.

Where patches have classes, their second form lies in it, too; constants that both forms have are there once.
"""

from __future__ import annotations

import hashlib
import io
import json
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from intarsia import check, dtypes, modeldocument, ops, stitching, tensorcheck
from intarsia.archives import DAMAGED
from intarsia.errors import ModelError
from intarsia.ir import Graph, Node, OutlierRule, PatchClasses, Quantization, State, Tensor
from intarsia.modeldocument import SCHEMA, SCHEMA_VERSION, ClassesPart, Document, NodePart, TensorPart
from intarsia.plan import lowering

_EPOCH = (1980, 1, 1, 0, 0, 0)


def save(graph: Graph, path: Path) -> None:
    """Writes a graph; the same graph gives the same bytes."""
    path.write_bytes(to_bytes(graph))


def to_bytes(graph: Graph) -> bytes:
    """The file's bytes, without a time stamp in them."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("graph.json", _EPOCH), json.dumps(_document(graph), indent=1))
        for name, data in _arrays(graph):
            array = io.BytesIO()
            np.save(array, data, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _EPOCH), array.getvalue())
    return stream.getvalue()


def _arrays(graph: Graph) -> Iterator[tuple[str, np.ndarray]]:
    """Constants of the network (`t<index>`), what its states start as (`s<number>`), and constants in which the form
    for outliers differs (`o<index>`)."""
    for index, tensor in enumerate(graph.tensors):
        if tensor.data is not None:
            yield f"t{index}", tensor.data
    for number, state in enumerate(graph.states):
        yield f"s{number}", state.initial
    for index, tensor in enumerate(graph.classes.outlier.tensors if graph.classes else ()):
        if tensor.data is not None and not _shared(graph, index):
            yield f"o{index}", tensor.data


def _shared(graph: Graph, index: int) -> bool:
    """Whether both classes of patches have the same constant."""
    assert graph.classes is not None
    theirs = graph.classes.outlier.tensor(index).data
    ours = graph.tensor(index).data if index < len(graph.tensors) else None
    return (
        ours is not None
        and theirs is not None
        and ours.dtype == theirs.dtype
        and np.array_equal(ours, theirs)
    )


def digest(graph: Graph) -> bytes:
    """SHA-256 of the graph, tensor names and all: what the firmware's hello is compared with."""
    return hashlib.sha256(to_bytes(graph)).digest()


def load(path: Path) -> Graph:
    """Reads a graph that can be run. Raises ModelError when the file is not one of ours or is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            content = _stored(archive, "graph.json")
            arrays = {name: _array(archive, name) for name in archive.namelist() if name.endswith(".npy")}
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror or error}") from None
    except DAMAGED as error:
        raise ModelError(
            f"{path} is not a model.itr file: {str(error)[:200]}", hint="make one with `intarsia quantize`"
        ) from None
    try:
        return _graph(modeldocument.parse(content), arrays)
    except (ModelError, KeyError, ValueError, IndexError) as error:
        raise ModelError(
            f"{path} is damaged: {error}", hint="make it again with `intarsia quantize`"
        ) from None


def _array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """An array of the archive. Raises as `DAMAGED`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        array: np.ndarray = np.load(io.BytesIO(_stored(archive, name)), allow_pickle=False)
    return array


def _stored(archive: zipfile.ZipFile, name: str) -> bytes:
    """A member as it is stored: ours are not compressed, so that no small file becomes large. Raises as `DAMAGED`."""
    entry = archive.getinfo(name)
    if entry.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{name} is compressed")
    return archive.read(entry)


def _document(graph: Graph) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "name": graph.name,
        "rule": graph.rule,
        "inputs": list(graph.inputs),
        "outputs": list(graph.outputs),
        "tensors": [_tensor_json(tensor) for tensor in graph.tensors],
        "nodes": [_node_json(node) for node in graph.nodes],
        **({"states": [[s.before, s.after] for s in graph.states]} if graph.states else {}),
        **({"classes": _classes_json(graph, graph.classes)} if graph.classes else {}),
    }


def _classes_json(graph: Graph, classes: PatchClasses) -> dict[str, Any]:
    other, rule = classes.outlier, classes.rule
    shared = [i for i, t in enumerate(other.tensors) if t.is_constant and _shared(graph, i)]
    return {
        "split_after": classes.split_after,
        "grid": list(classes.grid),
        "shares": list(classes.shares),
        "rule": rule and {"first": rule.first, "last": rule.last, "allowed": list(rule.allowed)},
        "outlier": {
            "outputs": list(other.outputs),
            "shared": shared,
            "tensors": [_tensor_json(tensor) for tensor in other.tensors],
            "nodes": [_node_json(node) for node in other.nodes],
        },
    }


def _tensor_json(tensor: Tensor) -> dict[str, Any]:
    quant = tensor.quant
    return {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "dtype": tensor.dtype.name,
        "quant": None
        if quant is None
        else {
            "scale": list(quant.scale),
            "zero_point": list(quant.zero_point),
            "axis": quant.axis,
            **_widths(quant),
        },
    }


def _widths(quant: Quantization) -> dict[str, list[int]]:
    return {"bits": list(quant.bits)} if quant.bits else {}


def _node_json(node: Node) -> dict[str, Any]:
    return {
        "op": node.op,
        "name": node.name,
        "inputs": list(node.inputs),
        "outputs": list(node.outputs),
        "attrs": ops.registry()[node.op].attrs_to_json(node.attrs),
    }


def _graph(document: Document, arrays: dict[str, np.ndarray]) -> Graph:
    graph = Graph(
        document.name,
        tuple(_tensors(document.tensors, lambda index: arrays.get(f"t{index}.npy"))),
        tuple(_nodes(document.nodes)),
        document.inputs,
        document.outputs,
        document.rule,
        tuple(
            State(before, after, arrays[f"s{number}.npy"])
            for number, (before, after) in enumerate(document.states)
        ),
    ).verify()
    if document.classes is not None:
        graph = graph.replace(classes=_classes(document.classes, graph, arrays)).verify()
    check.check(graph)
    if graph.classes is not None:
        lowering.stages(stitching.tiling_of(graph))
    return graph


def _classes(document: ClassesPart, graph: Graph, arrays: dict[str, np.ndarray]) -> PatchClasses:
    other, shared = document.outlier, set(document.outlier.shared)
    if any(index >= len(graph.tensors) for index in shared):
        raise ValueError("the classes of patches share a constant that does not exist")

    def constant(index: int) -> np.ndarray | None:
        return graph.tensor(index).data if index in shared else arrays.get(f"o{index}.npy")

    outlier = Graph(
        graph.name,
        tuple(_tensors(other.tensors, constant)),
        tuple(_nodes(other.nodes)),
        graph.inputs,
        other.outputs,
        graph.rule,
    )
    rule = OutlierRule(**dict(document.rule)) if document.rule else None
    return PatchClasses(outlier, document.split_after, document.grid, document.shares, rule)


def _tensors(items: Sequence[TensorPart], constant: Callable[[int], np.ndarray | None]) -> Iterator[Tensor]:
    for index, item in enumerate(items):
        quant = Quantization(**dict(item.quant)) if item.quant else None
        dtype, data = dtypes.BY_NAME[item.dtype], constant(index)
        if data is not None and (data.shape != item.shape or data.dtype != dtype.numpy):
            raise ValueError(f"array of tensor {index} does not fit it")
        if data is not None and dtype.is_packed:
            dtype.pack(data)
        tensor = Tensor(item.name, item.shape, dtype, quant, data)
        if reason := tensorcheck.fault(tensor):
            raise ValueError(f"tensor {index} '{item.name:.200}' {reason}")
        yield tensor


def _nodes(items: Sequence[NodePart]) -> Iterator[Node]:
    for item in items:
        operator = ops.get(item.op)
        if operator is None:
            raise ValueError(f"there is no operator {item.op:.60}")
        yield Node(item.op, item.inputs, item.outputs, operator.attrs_from_json(item.attrs), item.name)
