# SPDX-License-Identifier: Apache-2.0
"""Constants of an ONNX file: inside it, or in files beside it, as exporters write them by default."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from intarsia.errors import ModelError
from intarsia.importers.onnx.package import onnx

MAX_BYTES = 1 << 30
"""Largest constant that is read."""
MAX_RANK = 8
TYPES = frozenset(
    (
        "FLOAT",
        "DOUBLE",
        "FLOAT16",
        "BFLOAT16",
        "INT8",
        "UINT8",
        "INT16",
        "UINT16",
        "INT32",
        "INT64",
        "BOOL",
        "INT4",
        "UINT4",
    )
)


def array(tensor: Any, folder: Path | None) -> np.ndarray:
    """A TensorProto's values: floats as float32, 4-bit integers as int8 or uint8. Raises ModelError."""
    where = f"constant '{tensor.name}'"
    shape = tuple(int(d) for d in tensor.dims)
    kinds = onnx().TensorProto.DataType
    kind = kinds.Name(tensor.data_type) if tensor.data_type in kinds.values() else f"type {tensor.data_type}"
    if kind not in TYPES:
        raise ModelError(f"{where} is of type {kind}", hint=f"supported: {', '.join(sorted(TYPES)).lower()}")
    if any(extent < 0 for extent in shape) or len(shape) > MAX_RANK:
        raise ModelError(f"{where} has shape {list(shape)}", hint="the file is damaged; export it again")
    if math.prod(max(extent, 1) for extent in shape) * 8 > MAX_BYTES * 8:
        raise ModelError(f"{where} has shape {list(shape)}: too large")
    if tensor.data_location == onnx().TensorProto.EXTERNAL:
        tensor = _beside(tensor, folder, where)
    return _plain(tensor, where)


def _plain(tensor: Any, where: str) -> np.ndarray:
    from onnx import numpy_helper

    try:
        values = np.asarray(numpy_helper.to_array(tensor))
    except Exception as error:
        raise ModelError(
            f"{where} of shape {list(tensor.dims)} cannot be read: {error}",
            hint="the file is damaged; export it again",
        ) from None
    name = values.dtype.name
    if name in ("float64", "float16", "bfloat16"):
        values = values.astype(np.float32)
    if name in ("int4", "uint4"):
        values = values.astype(np.int8 if name == "int4" else np.uint8)
    values.setflags(write=False)
    return values


def _beside(tensor: Any, folder: Path | None, where: str) -> Any:
    """The TensorProto with the bytes of its file. Raises ModelError for files elsewhere, and for those too short."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    if folder is None or not location:
        raise ModelError(f"{where} lies in another file", hint="export with external_data=False")
    path = folder / location
    if Path(location).is_absolute() or not path.resolve().is_relative_to(folder.resolve()):
        raise ModelError(
            f"{where} lies in '{location}', outside the model's folder",
            hint="export with external_data=False",
        )
    try:
        offset, length = int(entries.get("offset", 0)), int(entries.get("length", -1))
        size = path.stat().st_size if path.is_file() else -1
        if size < 0:
            raise FileNotFoundError
        length = size - offset if length < 0 else length
        if not 0 <= offset <= offset + length <= size or length > MAX_BYTES:
            raise ValueError
        with path.open("rb") as file:
            file.seek(offset)
            content = file.read(length)
    except ValueError:
        raise ModelError(
            f"{where} names bytes that '{location}' does not have",
            hint="the file is damaged; export it again",
        ) from None
    except OSError:
        raise ModelError(
            f"{where} lies in '{location}', which cannot be read",
            hint="put that file beside the model, or export with external_data=False",
        ) from None
    whole = onnx().TensorProto()
    whole.CopyFrom(tensor)
    del whole.external_data[:]
    whole.data_location = onnx().TensorProto.DEFAULT
    whole.raw_data = content
    return whole
