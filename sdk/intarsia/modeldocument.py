# SPDX-License-Identifier: Apache-2.0
"""`graph.json` of a model.itr as types: the file may come from anywhere."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from intarsia import dtypes
from intarsia.errors import ModelError

SCHEMA, SCHEMA_VERSION = "intarsia.model", 1

Int32 = Annotated[int, Field(ge=-(1 << 31), lt=1 << 31)]
Number = Annotated[int, Field(ge=0, lt=1 << 31)]
Operand = Annotated[int, Field(ge=-1, lt=1 << 31)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Scale = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Option = bool | Int32 | Finite | str | None | tuple[Int32, ...]
Share = Annotated[float, Field(ge=0, le=1)]
DTypeName = Annotated[str, Field(pattern=f"^({'|'.join(dtypes.BY_NAME)})$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class QuantizationPart(_Part):
    """See `ir.Quantization`."""

    scale: tuple[Scale, ...] = Field(min_length=1)
    zero_point: tuple[Int32, ...]
    axis: Number
    bits: tuple[Number, ...] = ()


class TensorPart(_Part):
    """A tensor without its data."""

    name: str
    shape: tuple[Number, ...]
    dtype: DTypeName
    quant: QuantizationPart | None


class NodePart(_Part):
    """An operator; what its `attrs` may be, the operator says."""

    op: str
    name: str
    inputs: tuple[Operand, ...]
    outputs: tuple[Number, ...]
    attrs: dict[str, Option]


class RulePart(_Part):
    """See `ir.OutlierRule`."""

    first: Int32
    last: Int32
    allowed: tuple[Int32, ...]


class OutlierPart(_Part):
    """The form of the first layers for patches with outliers; `shared` are constants of both forms."""

    outputs: tuple[Number, ...]
    shared: tuple[Number, ...]
    tensors: tuple[TensorPart, ...]
    nodes: tuple[NodePart, ...]


class ClassesPart(_Part):
    """See `ir.PatchClasses`."""

    split_after: Number
    grid: tuple[Number, Number]
    shares: tuple[Share, ...]
    rule: RulePart | None
    outlier: OutlierPart


class Document(_Part):
    """Schema `intarsia.model`, version 1."""

    name: str
    rule: str
    inputs: tuple[Number, ...]
    outputs: tuple[Number, ...]
    tensors: tuple[TensorPart, ...]
    nodes: tuple[NodePart, ...]
    states: tuple[tuple[Number, Number], ...] = ()
    classes: ClassesPart | None = None


def parse(text: bytes) -> Document:
    """The document in a JSON text. Raises ModelError that names the field for what is none."""
    try:
        content: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"its graph is not JSON: {str(error)[:200]}") from None
    found = content if isinstance(content, dict) else {}
    if (found.pop("schema", None), found.pop("schema_version", None)) != (SCHEMA, SCHEMA_VERSION):
        raise ModelError(f"it is not of schema {SCHEMA} {SCHEMA_VERSION}")
    try:
        return Document.model_validate_json(json.dumps(found))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ModelError(f"{'.'.join(map(str, first['loc'])):.200}: {first['msg']}") from None
