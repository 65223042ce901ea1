# SPDX-License-Identifier: Apache-2.0
"""`.tflite` to Graph. The file is untrusted: whatever is wrong with it ends in a ModelError that names the place."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any

import numpy as np

from intarsia import dtypes, ops
from intarsia.errors import ModelError
from intarsia.importers import variables
from intarsia.importers.base import Importer, content
from intarsia.ir import ABSENT, Attrs, Graph, Node, Quantization, Tensor
from intarsia.ops._common import schema

IDENTIFIER = b"TFL3"
MAX_ELEMENTS = 1 << 28
"""Largest tensor that is taken, in elements: 256 Mi, far above what any board holds."""
MAX_RANK = 8
MAX_ENTRIES = 1 << 14
"""Most tensors, operators, buffers and the like that are read."""


class TfliteImporter(Importer):
    name = "TensorFlow Lite"
    suffix = ".tflite"
    interpreted = True

    def recognises(self, data: bytes) -> bool:
        return data[4:8] == IDENTIFIER

    def parse(
        self, data: bytes, *, name: str, rule: str, partial: bool = False, folder: Path | None = None
    ) -> Graph:
        return parse(data, name=name, rule=rule, partial=partial)


IMPORTER = TfliteImporter()


def load(path: Path, *, rule: str = "tflm", partial: bool = False) -> Graph:
    """Reads a `.tflite` file. Raises ModelError for malformed files and, unless `partial`, for operators that are not
    supported."""
    return parse(content(path, ".tflite"), name=path.stem, rule=rule, partial=partial)


def parse(data: bytes, *, name: str, rule: str = "tflm", partial: bool = False) -> Graph:
    """Graph of the bytes of a `.tflite` file; `partial` keeps unknown operators, without options. Raises ModelError."""
    model = _unpack(data)
    subgraphs = model.subgraphs or []
    if not subgraphs:
        raise ModelError("the model has no subgraph", hint="convert the model again")
    tensors, nodes = _part(model, subgraphs[0], partial)
    inputs = _indices(subgraphs[0].inputs, len(tensors), "graph input")
    outputs = _indices(subgraphs[0].outputs, len(tensors), "graph output")
    starts = variables.Starts(lambda index: _initialiser(model, index))
    graph = variables.resolve(Graph(name, tuple(tensors), tuple(nodes), inputs, outputs, rule), starts)
    nodes = list(graph.nodes)
    if any(ops.get(node.op) is None for node in nodes):
        return graph
    try:
        graph.verify()
    except ValueError as error:
        raise ModelError(f"malformed model: {error}", hint="convert the model again") from None
    return graph


def _part(model: Any, subgraph: Any, partial: bool) -> tuple[list[Tensor], list[Node]]:
    """Tensors and nodes of one subgraph."""
    tensors = _tensors(model, subgraph)
    return tensors, _nodes(model, subgraph, tensors, partial)


def _initialiser(model: Any, index: int) -> tuple[list[Tensor], list[Node]]:
    """Tensors and nodes of the subgraph that a CALL_ONCE names."""
    if not 0 < index < len(model.subgraphs):
        raise ModelError(f"CALL_ONCE names subgraph {index}; the model has {len(model.subgraphs)}")
    return _part(model, model.subgraphs[index], partial=False)


def _unpack(data: bytes) -> Any:
    if len(data) < 8 or data[4:8] != IDENTIFIER:
        raise ModelError(
            "not a .tflite file (no TFL3 identifier)", hint="convert the model to TensorFlow Lite"
        )
    try:
        _bound(schema().Model.GetRootAs(data, 0))
        return schema().ModelT.InitFromPackedBuf(data, 0)
    except (
        struct.error,
        IndexError,
        ValueError,
        TypeError,
        AttributeError,
        MemoryError,
        OverflowError,
    ) as error:
        raise ModelError(
            f"malformed .tflite file: {type(error).__name__} while reading its tables",
            hint="the file is damaged or cut off; convert or download it again",
        ) from None


def _bound(model: Any) -> None:
    """Refuses tables that claim more entries than any model has, before each entry is read. Raises ModelError."""
    counts = {
        "subgraphs": model.SubgraphsLength(),
        "operator codes": model.OperatorCodesLength(),
        "buffers": model.BuffersLength(),
        "metadata entries": model.MetadataLength(),
        "signatures": model.SignatureDefsLength(),
    }
    for index in range(min(counts["subgraphs"], MAX_ENTRIES)):
        subgraph = model.Subgraphs(index)
        counts["tensors"] = counts.get("tensors", 0) + subgraph.TensorsLength()
        counts["operators"] = counts.get("operators", 0) + subgraph.OperatorsLength()
    for what, count in counts.items():
        if count > MAX_ENTRIES:
            raise ModelError(
                f"the model claims {count} {what}; {MAX_ENTRIES} are the most that is read",
                hint="the file is damaged; convert or download it again",
            )


def _indices(values: Any, count: int, what: str) -> tuple[int, ...]:
    indices = tuple(int(v) for v in values) if values is not None else ()
    for position, index in enumerate(indices):
        if not (0 <= index < count):
            raise ModelError(f"{what} {position} names tensor {index}; the model has {count}")
    return indices


def _tensors(model: Any, subgraph: Any) -> list[Tensor]:
    code_names = {v: k.lower() for k, v in vars(schema().TensorType).items() if not k.startswith("_")}
    return [_tensor(model, source, index, code_names) for index, source in enumerate(subgraph.tensors or [])]


def _tensor(model: Any, source: Any, index: int, code_names: dict[int, str]) -> Tensor:
    name = _text(source.name)
    where = f"tensor {index} '{name}'"
    type_name = code_names.get(source.type, f"type {source.type}")
    if type_name == "resource":
        return Tensor(name, (), dtypes.INT32)
    dtype = dtypes.BY_NAME.get(type_name)
    if dtype is None or dtype.is_packed:
        supported = ", ".join(d.name for d in dtypes.ALL if not d.is_packed)
        raise ModelError(f"{where} is of type {type_name}", hint=f"supported: {supported}")
    shape = tuple(int(d) for d in source.shape) if source.shape is not None else ()
    if any(d < 0 for d in shape):
        raise ModelError(f"{where} has a dynamic shape {list(shape)}", hint="convert with a fixed batch size")
    if len(shape) > MAX_RANK:
        raise ModelError(f"{where} has {len(shape)} dimensions; up to {MAX_RANK} are supported")
    if math.prod(max(extent, 1) for extent in shape) > MAX_ELEMENTS:
        raise ModelError(f"{where} has shape {list(shape)}: too large")
    data = _data(model, source, where, dtype, shape, math.prod(shape))
    quant = _quantization(source, where, shape, data is not None)
    if quant is not None and dtype.is_integer:
        _check_codes(quant, where, dtype, data is not None)
    return Tensor(name, shape, dtype, quant, data)


def _check_codes(quant: Quantization, where: str, dtype: dtypes.DType, constant: bool) -> None:
    """Raises ModelError for zero points that are no codes and for feature maps without a scale."""
    low, high = dtype.range
    for zero_point in quant.zero_point:
        if not low <= zero_point <= high:
            raise ModelError(f"{where} is {dtype.name} with a zero point of {zero_point}")
    if not constant and quant.scale[0] == 0:
        raise ModelError(f"{where} is a quantized feature map with a scale of 0")


def _text(raw: Any) -> str:
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw or "")


def _data(
    model: Any, source: Any, where: str, dtype: dtypes.DType, shape: tuple[int, ...], elements: int
) -> np.ndarray | None:
    buffers = model.buffers or []
    if not 0 <= source.buffer < len(buffers):
        raise ModelError(f"{where} names buffer {source.buffer}; the model has {len(buffers)}")
    raw = buffers[source.buffer].data
    if getattr(buffers[source.buffer], "offset", 0):
        raise ModelError(
            f"{where} keeps its data outside the model table", hint="convert to a model below 2 GB"
        )
    if raw is None or len(raw) == 0:
        return None if elements else np.zeros(shape, dtype.numpy)
    content = np.asarray(raw, np.uint8).tobytes()
    if len(content) != elements * dtype.bytes:
        raise ModelError(
            f"{where} of shape {list(shape)} needs {elements * dtype.bytes} bytes, its buffer has {len(content)}"
        )
    array = np.frombuffer(content, dtype.numpy.newbyteorder("<")).astype(dtype.numpy).reshape(shape)
    array.setflags(write=False)
    return array


def _quantization(source: Any, where: str, shape: tuple[int, ...], constant: bool) -> Quantization | None:
    raw = source.quantization
    if raw is None or raw.scale is None or len(raw.scale) == 0:
        return None
    scale = tuple(float(np.float32(s)) for s in raw.scale)
    zero = tuple(int(z) for z in raw.zeroPoint) if raw.zeroPoint is not None else ()
    if not zero:
        zero = (0,) * len(scale)
    if len(zero) != len(scale):
        raise ModelError(f"{where} has {len(scale)} scales and {len(zero)} zero points")
    if not all(np.isfinite(s) and s >= 0 for s in scale):
        raise ModelError(f"{where} has a scale that is not a finite non-negative number")
    axis = int(raw.quantizedDimension)
    if len(scale) > 1:
        if len(shape) == 1:
            axis = 0  # some converters carry the weights' axis over to one-dimensional biases
        if not (0 <= axis < len(shape)) or shape[axis] != len(scale):
            raise ModelError(f"{where} of shape {list(shape)} has {len(scale)} scales along axis {axis}")
        if not constant:
            raise ModelError(f"{where} is a feature map with a scale per channel", hint="quantize per tensor")
    return Quantization(scale, zero, axis if len(scale) > 1 else 0)


def _nodes(model: Any, subgraph: Any, tensors: list[Tensor], partial: bool) -> list[Node]:
    names = {v: k for k, v in vars(schema().BuiltinOperator).items() if not k.startswith("_")}
    codes = model.operatorCodes or []
    nodes: list[Node] = []
    unsupported: list[str] = []
    for position, source in enumerate(subgraph.operators or []):
        if not 0 <= source.opcodeIndex < len(codes):
            raise ModelError(
                f"operator {position} names code {source.opcodeIndex}; the model has {len(codes)}"
            )
        code = codes[source.opcodeIndex]
        number = max(int(code.builtinCode), int(code.deprecatedBuiltinCode))
        name = names.get(number, f"operator {number}")
        if name == "CUSTOM":
            name = f"CUSTOM '{_text(code.customCode)}'"
        outputs = _indices(source.outputs, len(tensors), f"{name} {position}: output")
        inputs = _operands(source.inputs, len(tensors), f"{name} {position}: input")
        label = tensors[outputs[0]].name if outputs else ""
        if name in variables.OPERATORS:
            attrs = _variable(name, position, source.builtinOptions)
            nodes.append(Node(name, inputs, outputs, attrs, label))
            continue
        operator = ops.get(name)
        if operator is None:
            nodes.append(Node(name, inputs, outputs, Attrs(), label))
            kinds = ", ".join(tensors[i].dtype.name for i in inputs if i != ABSENT)
            unsupported.append(f"{name} (operator {position}, output '{label}', inputs {kinds})")
            continue
        try:
            inner = _indices(source.intermediates, len(tensors), f"{name} {position}: intermediate")
            attrs = operator.parse(source.builtinOptions)
            attrs = operator.absorb(attrs, [tensors[i].quant for i in inner])
        except (ValueError, AttributeError, TypeError) as error:
            reason = "has no options" if source.builtinOptions is None else str(error)
            raise ModelError(f"{name} (operator {position}, output '{label}') {reason}") from None
        nodes.append(Node(name, inputs, outputs, attrs, label))
    if unsupported and not partial:
        raise ModelError(
            "operators that are not supported:\n  " + "\n  ".join(unsupported),
            hint="`intarsia analyze --operators` lists what is supported; replace the layer or split the model there",
        )
    return nodes


def _variable(name: str, position: int, options: Any) -> Attrs:
    """What an operator on variables names. Raises ModelError."""
    try:
        return variables.parse(name, options)
    except (AttributeError, TypeError):
        raise ModelError(f"{name} (operator {position}) has no options") from None


def _operands(values: Any, count: int, what: str) -> tuple[int, ...]:
    indices = tuple(int(v) for v in values) if values is not None else ()
    for position, index in enumerate(indices):
        if not (index == ABSENT or 0 <= index < count):
            raise ModelError(f"{what} {position} names tensor {index}; the model has {count}")
    return indices
