# SPDX-License-Identifier: Apache-2.0
"""A writer of .tflite files: tensors and operators go in, the bytes of a flatbuffer come out.

The schema comes from `ai_edge_litert.schema_py_generated`. It is imported inside the functions that need it,
because loading it takes a noticeable part of a second that commands which write no model should not pay.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from intarsia.errors import UsageError
from intarsia.ir import Quantization

FILE_IDENTIFIER = b"TFL3"
SCHEMA_VERSION = 3
BUFFER_ALIGNMENT = 16
_LAST_DEPRECATED_BUILTIN_CODE = 127
_ABSENT_TENSOR = -1

_STORAGE: dict[str, npt.DTypeLike] = {
    "float32": "<f4",
    "float16": "<f2",
    "int8": "i1",
    "uint8": "u1",
    "int16": "<i2",
    "int32": "<i4",
    "int64": "<i8",
    "bool": "?",
    "int4": "i1",
}


class _AlignedBuffer:
    """Stands in for the schema's BufferT, whose Pack() ignores the alignment that the schema asks for.

    Only Pack() is needed: it is all that ModelT.Pack() calls.
    """

    def __init__(self, payload: bytes) -> None:
        self._payload = payload

    def Pack(self, builder: Any) -> int:
        from ai_edge_litert import schema_py_generated as schema

        payload = np.frombuffer(self._payload, dtype=np.uint8)
        vector = None
        if payload.size:
            builder.Prep(BUFFER_ALIGNMENT, payload.size)
            vector = builder.CreateNumpyVector(payload)
        schema.BufferStart(builder)
        if vector is not None:
            schema.BufferAddData(builder, vector)
        return int(schema.BufferEnd(builder))


class TfliteWriter:
    """Collects the tensors and operators of one subgraph and writes them as a .tflite file.

    The same calls in the same order give the same bytes. Buffer 0 is empty, as the format asks for, and is
    shared by all tensors without data.
    """

    def __init__(self) -> None:
        self._tensors: list[Any] = []
        self._operators: list[Any] = []
        self._codes: dict[tuple[int, int], int] = {}
        self._payloads: list[bytes] = [b""]

    def tensor(
        self,
        name: str,
        shape: Sequence[int],
        dtype: str,
        data: npt.ArrayLike | None = None,
        scale: float | npt.ArrayLike | None = None,
        zero_point: int | npt.ArrayLike | None = None,
        axis: int = 0,
        shape_signature: Sequence[int] | None = None,
        variable: bool = False,
    ) -> int:
        """Add a tensor and return its index.

        `dtype` is one of float32, float16, int8, uint8, int16, int32, int64, bool and int4. `data` makes the
        tensor constant; it has as many values as `shape` says. Integers must fit `dtype`, floats are rounded
        to it. int4 values are given one per element and are packed two per byte, the first in the low half.
        `scale` is one number, or one per channel along `axis`; `zero_point` defaults to 0 and is repeated for
        every channel. `shape_signature` is the shape with -1 for dimensions that are free.
        `variable`: an operator keeps its state in the tensor.

        Raises UsageError for an unknown dtype, data that does not fit, or quantization that does not match.
        """
        from ai_edge_litert import schema_py_generated as schema

        if dtype not in _STORAGE:
            raise UsageError(
                f"tensor '{name}': unknown dtype '{dtype}'", hint=f"use one of {', '.join(_STORAGE)}"
            )
        tensor = schema.TensorT()
        tensor.name = name.encode()
        tensor.shape = np.asarray(shape, dtype=np.int32)
        tensor.hasRank = True
        tensor.type = getattr(schema.TensorType, dtype.upper())
        tensor.buffer = self._store(_encode(name, tuple(shape), dtype, data)) if data is not None else 0
        tensor.isVariable = variable
        if shape_signature is not None:
            tensor.shapeSignature = np.asarray(shape_signature, dtype=np.int32)
        if scale is not None:
            tensor.quantization = _quantization(name, tuple(shape), scale, zero_point, axis)
        elif zero_point is not None:
            raise UsageError(f"tensor '{name}' has a zero point but no scale", hint="give both or neither")
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def operator(
        self,
        builtin_name: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        options: Any = None,
        version: int = 1,
        intermediates: Sequence[tuple[str, Quantization | None]] = (),
    ) -> int:
        """Add an operator after those that are already there and return its index.

        `builtin_name` is a name of the schema's BuiltinOperator such as "CONV_2D". `inputs` and `outputs`
        are tensor indices; -1 leaves an optional input out. `options` is a schema object such as
        `Conv2DOptionsT`. `intermediates` are types and quantization of tensors inside the operator.

        Raises UsageError for an unknown operator, options of another kind, or an index that is not a tensor.
        """
        from ai_edge_litert import schema_py_generated as schema

        code = getattr(schema.BuiltinOperator, builtin_name, None)
        if not isinstance(code, int):
            raise UsageError(
                f"'{builtin_name}' is not a built-in operator", hint='use names such as "CONV_2D"'
            )
        self._check_indices(builtin_name, inputs, first=_ABSENT_TENSOR)
        self._check_indices(builtin_name, outputs, first=0)
        operator = schema.OperatorT()
        operator.opcodeIndex = self._codes.setdefault((code, version), len(self._codes))
        operator.inputs = np.asarray(inputs, dtype=np.int32)
        operator.outputs = np.asarray(outputs, dtype=np.int32)
        if intermediates:
            inner = [
                self.tensor(
                    f"{builtin_name}/{number}",
                    (),
                    dtype,
                    scale=quant.scale if quant else None,
                    zero_point=quant.zero_point if quant else None,
                )
                for number, (dtype, quant) in enumerate(intermediates)
            ]
            operator.intermediates = np.asarray(inner, dtype=np.int32)
        _attach_options(operator, options)
        self._operators.append(operator)
        return len(self._operators) - 1

    def finish(self, inputs: Sequence[int], outputs: Sequence[int], description: str = "Intarsia") -> bytes:
        """Return the file; `inputs` and `outputs` are the tensors that a caller sets and reads.

        Raises UsageError for an index that is not a tensor.
        """
        import flatbuffers
        from ai_edge_litert import schema_py_generated as schema

        self._check_indices("the model", inputs, first=0)
        self._check_indices("the model", outputs, first=0)
        subgraph = schema.SubGraphT()
        subgraph.name = b"main"
        subgraph.tensors = self._tensors
        subgraph.operators = self._operators
        subgraph.inputs = np.asarray(inputs, dtype=np.int32)
        subgraph.outputs = np.asarray(outputs, dtype=np.int32)
        model = schema.ModelT()
        model.version = SCHEMA_VERSION
        model.description = description.encode()
        model.operatorCodes = [_operator_code(code, version) for code, version in self._codes]
        model.subgraphs = [subgraph]
        model.buffers = [_AlignedBuffer(payload) for payload in self._payloads]
        builder = flatbuffers.Builder(sum(map(len, self._payloads)) + 4096)
        builder.Finish(model.Pack(builder), file_identifier=FILE_IDENTIFIER)
        return bytes(builder.Output())

    def _store(self, payload: bytes) -> int:
        self._payloads.append(payload)
        return len(self._payloads) - 1

    def _check_indices(self, owner: str, indices: Sequence[int], first: int) -> None:
        for index in indices:
            if not first <= index < len(self._tensors):
                raise UsageError(
                    f"{owner} refers to tensor {index}", hint="add tensors before what uses them"
                )


def _operator_code(code: int, version: int) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    result = schema.OperatorCodeT()
    result.deprecatedBuiltinCode = min(code, _LAST_DEPRECATED_BUILTIN_CODE)
    result.builtinCode = code
    result.version = version
    return result


def _attach_options(operator: Any, options: Any) -> None:
    """Put `options` into whichever of the two unions has a member named after their class."""
    from ai_edge_litert import schema_py_generated as schema

    if options is None:
        return
    member = type(options).__name__.removesuffix("T")
    if hasattr(schema.BuiltinOptions, member):
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, member)
        operator.builtinOptions = options
    elif hasattr(schema.BuiltinOptions2, member):
        operator.builtinOptions2Type = getattr(schema.BuiltinOptions2, member)
        operator.builtinOptions2 = options
    else:
        raise UsageError(
            f"{type(options).__name__} is no operator's options", hint="pass a schema *OptionsT object"
        )


def _quantization(
    name: str,
    shape: tuple[int, ...],
    scale: float | npt.ArrayLike,
    zero_point: int | npt.ArrayLike | None,
    axis: int,
) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    scales = np.atleast_1d(np.asarray(scale, dtype=np.float32))
    zero_points = np.atleast_1d(np.asarray(0 if zero_point is None else zero_point, dtype=np.int64))
    if scales.size > 1 and not (0 <= axis < len(shape) and shape[axis] == scales.size):
        raise UsageError(
            f"tensor '{name}' of shape {shape} has {scales.size} scales along axis {axis}",
            hint="give one scale, or one for each channel along the axis",
        )
    if zero_points.size not in (1, scales.size):
        raise UsageError(
            f"tensor '{name}' has {zero_points.size} zero points for {scales.size} scales",
            hint="give one zero point, or one for each scale",
        )
    quantization = schema.QuantizationParametersT()
    quantization.scale = scales
    quantization.zeroPoint = np.ascontiguousarray(np.broadcast_to(zero_points, scales.shape))
    quantization.quantizedDimension = axis if scales.size > 1 else 0
    return quantization


def _encode(name: str, shape: tuple[int, ...], dtype: str, data: npt.ArrayLike) -> bytes:
    """Return the little-endian bytes of `data`, refusing values that `dtype` cannot hold."""
    values = np.asarray(data)
    stored = _convert(values, dtype)
    if stored is None:
        raise UsageError(
            f"tensor '{name}': values of {values.dtype} do not fit {dtype}", hint="convert them before"
        )
    if values.size != int(np.prod(shape, dtype=np.int64)):
        raise UsageError(
            f"tensor '{name}' of shape {shape} got {values.size} values", hint="match data and shape"
        )
    return _pack_nibbles(stored) if dtype == "int4" else stored.tobytes()


def _convert(values: npt.NDArray[Any], dtype: str) -> npt.NDArray[Any] | None:
    """Cast to the storage type of `dtype`; None if integers would change or would come from other types."""
    target = np.dtype(_STORAGE[dtype])
    if target.kind == "f":
        return values.astype(target) if values.dtype.kind in "fiu" else None
    if target.kind == "b":
        return values.astype(target) if values.dtype.kind == "b" else None
    low, high = (-8, 7) if dtype == "int4" else (np.iinfo(target).min, np.iinfo(target).max)
    if values.dtype.kind not in "iu":
        return None
    if values.size and (int(values.min()) < low or int(values.max()) > high):
        return None
    return values.astype(target)


def _pack_nibbles(values: npt.NDArray[Any]) -> bytes:
    nibbles = values.reshape(-1).view(np.uint8) & np.uint8(15)
    padded = np.append(nibbles, np.zeros(nibbles.size % 2, dtype=np.uint8))
    return bytes((padded[0::2] | (padded[1::2] << np.uint8(4))).astype(np.uint8))
