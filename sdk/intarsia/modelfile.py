# SPDX-License-Identifier: Apache-2.0
"""`model.itr`: a quantized graph (and later its plan) as one file, a zip of `graph.json` and `.npy` arrays."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from intarsia import dtypes, ops
from intarsia.errors import ModelError
from intarsia.ir import Graph, Node, Quantization, State, Tensor

SCHEMA = "intarsia.model"
SCHEMA_VERSION = 1
_EPOCH = (1980, 1, 1, 0, 0, 0)


def save(graph: Graph, path: Path) -> None:
    """Writes a graph; the same graph gives the same bytes."""
    path.write_bytes(to_bytes(graph))


def to_bytes(graph: Graph) -> bytes:
    """The file's bytes, without a time stamp in them."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("graph.json", _EPOCH), json.dumps(_document(graph), indent=1))
        for index, tensor in enumerate(graph.tensors):
            if tensor.data is not None:
                array = io.BytesIO()
                np.save(array, tensor.data, allow_pickle=False)
                archive.writestr(zipfile.ZipInfo(f"t{index}.npy", _EPOCH), array.getvalue())
        for number, state in enumerate(graph.states):
            array = io.BytesIO()
            np.save(array, state.initial, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"s{number}.npy", _EPOCH), array.getvalue())
    return stream.getvalue()


def digest(graph: Graph) -> bytes:
    """SHA-256 of the graph, tensor names and all: what the firmware's hello is compared with."""
    return hashlib.sha256(to_bytes(graph)).digest()


def load(path: Path) -> Graph:
    """Reads a graph. Raises ModelError when the file is not one of ours or is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            document = json.loads(archive.read("graph.json"))
            arrays = {
                name: np.load(io.BytesIO(archive.read(name)), allow_pickle=False)
                for name in archive.namelist()
                if name.endswith(".npy")
            }
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from None
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
        raise ModelError(
            f"{path} is not a model.itr file: {error}", hint="make one with `intarsia quantize`"
        ) from None
    if document.get("schema") != SCHEMA or document.get("schema_version") != SCHEMA_VERSION:
        raise ModelError(f"{path} has schema {document.get('schema')} {document.get('schema_version')}")
    try:
        return _graph(document, arrays)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{path} is damaged: {error}", hint="make it again with `intarsia quantize`"
        ) from None


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


def _graph(document: dict[str, Any], arrays: dict[str, np.ndarray]) -> Graph:
    tensors = []
    for index, item in enumerate(document["tensors"]):
        quant = item["quant"] and Quantization(
            tuple(item["quant"]["scale"]),
            tuple(item["quant"]["zero_point"]),
            item["quant"]["axis"],
            tuple(item["quant"].get("bits", ())),
        )
        dtype, shape = dtypes.BY_NAME[item["dtype"]], tuple(item["shape"])
        data = arrays.get(f"t{index}.npy")
        if data is not None and (data.shape != shape or data.dtype != dtype.numpy):
            raise ValueError(f"array of tensor {index} does not fit it")
        if data is not None and dtype.is_packed:
            dtype.pack(data)
        tensors.append(Tensor(item["name"], shape, dtype, quant, data))
    nodes = []
    for item in document["nodes"]:
        operator = ops.registry()[item["op"]]
        attrs = operator.attrs_from_json(item["attrs"])
        nodes.append(Node(item["op"], tuple(item["inputs"]), tuple(item["outputs"]), attrs, item["name"]))
    states = tuple(
        State(before, after, arrays[f"s{number}.npy"])
        for number, (before, after) in enumerate(document.get("states", ()))
    )
    return Graph(
        document["name"],
        tuple(tensors),
        tuple(nodes),
        tuple(document["inputs"]),
        tuple(document["outputs"]),
        document["rule"],
        states,
    ).verify()
