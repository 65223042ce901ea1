# SPDX-License-Identifier: Apache-2.0
"""`.tflite` to Graph. The file is untrusted: whatever is wrong with it ends in a ModelError that names the place."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from intarsia import dtypes, ops, tensorcheck
from intarsia.errors import ModelError
from intarsia.importers import composites, variables
from intarsia.importers.base import Importer, content, title
from intarsia.ir import ABSENT, Attrs, Graph, Node, Quantization, Tensor
from intarsia.ops._common import schema

IDENTIFIER = b"TFL3"
MAX_ENTRIES = 1 << 13
"""Most tensors, operators, buffers and the like that are read."""
MAX_TEXT = 1 << 24
"""Bytes of all names of tensors."""


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
    return parse(content(path, ".tflite"), name=title(path), rule=rule, partial=partial)


def parse(data: bytes, *, name: str, rule: str = "tflm", partial: bool = False) -> Graph:
    """Graph of the bytes of a `.tflite` file; `partial` keeps unknown operators, without options. Raises ModelError."""
    model = _unpack(data)
    subgraphs = model.subgraphs or []
    if not subgraphs:
        raise ModelError("the model has no subgraph", hint="convert the model again")
    composites.expand(model)
    tensors, nodes = _part(model, subgraphs[0], partial)
    inputs = _indices(subgraphs[0].inputs, len(tensors), "graph input")
    outputs = _indices(subgraphs[0].outputs, len(tensors), "graph output")
    starts = variables.Starts(lambda index: _initialiser(model, index))
    graph = variables.resolve(Graph(name, tuple(tensors), tuple(nodes), inputs, outputs, rule), starts)
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
        model = schema().ModelT.InitFromPackedBuf(data, 0)
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
    _fetch(model, data)
    return model


def _fetch(model: Any, data: bytes) -> None:
    """Gives buffers the bytes that lie behind the table, where they lie in the file."""
    for buffer in model.buffers or []:
        begin, size = int(buffer.offset), int(buffer.size)
        if buffer.data is None and begin > 1 and 0 < size <= len(data) - begin:
            buffer.data, buffer.offset = np.frombuffer(data, np.uint8, size, begin), 0


def _bound(model: Any) -> None:
    """Refuses tables that claim more entries or longer texts than any model has, before each is read: a small file can
    name the same piece of itself any number of times. Raises ModelError."""
    counts = {
        "subgraphs": model.SubgraphsLength(),
        "operator codes": model.OperatorCodesLength(),
        "buffers": model.BuffersLength(),
        "metadata entries": model.MetadataLength(),
        "signatures": model.SignatureDefsLength(),
        "tensors": 0,
        "operators": 0,
    }
    for index in range(min(counts["subgraphs"], MAX_ENTRIES)):
        subgraph = model.Subgraphs(index)
        counts["tensors"] += subgraph.TensorsLength()
        counts["operators"] += subgraph.OperatorsLength()
    _check_counts(counts)
    counts |= {"ports of signatures": 0, "parts of tensors": 0}
    for signature in map(model.SignatureDefs, range(counts["signatures"])):
        counts["ports of signatures"] += signature.InputsLength() + signature.OutputsLength()
    length = 0
    for tensor in _all_tensors(model):
        sparsity = tensor.Sparsity()
        counts["parts of tensors"] += tensor.VariantTensorsLength()
        counts["parts of tensors"] += sparsity.DimMetadataLength() if sparsity else 0
        length += len(tensor.Name() or b"")
        if length > MAX_TEXT:
            raise ModelError(
                f"the names of tensors are longer than {MAX_TEXT:,} bytes", hint="the file is damaged"
            )
    _check_counts(counts)


def _all_tensors(model: Any) -> Iterator[Any]:
    for subgraph in map(model.Subgraphs, range(model.SubgraphsLength())):
        yield from map(subgraph.Tensors, range(subgraph.TensorsLength()))


def _check_counts(counts: Mapping[str, int]) -> None:
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
    if reason := tensorcheck.size_fault(shape):
        raise ModelError(f"{where} {reason}")
    data = _data(model, source, where, dtype, shape, math.prod(shape))
    quant = None if dtype == dtypes.BOOL else _quantization(source, shape)
    tensor = Tensor(name, shape, dtype, quant, data)
    if reason := tensorcheck.fault(tensor):
        raise ModelError(f"{where} {reason}", hint="quantize and convert the model again")
    return tensor


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
            f"{where} keeps its data outside the file",
            hint="the file is cut off; convert or download it again",
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


def _quantization(source: Any, shape: tuple[int, ...]) -> Quantization | None:
    raw = source.quantization
    if raw is None or raw.scale is None or len(raw.scale) == 0:
        return None
    scale = tuple(float(np.float32(s)) for s in raw.scale)
    zero = tuple(int(z) for z in raw.zeroPoint) if raw.zeroPoint is not None else ()
    axis = int(raw.quantizedDimension) if len(scale) > 1 else 0
    if len(shape) == 1:
        axis = 0  # some converters carry the weights' axis over to one-dimensional biases
    return Quantization(scale, zero or (0,) * len(scale), axis)


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
