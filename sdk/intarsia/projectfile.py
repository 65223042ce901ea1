# SPDX-License-Identifier: Apache-2.0
"""`intarsia.json` of a firmware project as types: a project may come from anywhere."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from intarsia import dtypes
from intarsia.boards import LinkKind
from intarsia.errors import UsageError
from intarsia.plan import planfile
from intarsia.request import Objective
from intarsia.tensorcheck import MAX_ELEMENTS

SCHEMA, SCHEMA_VERSION = "intarsia.project", 1
LIBRARY_SCHEMA = "intarsia.library"
MAX_BYTES = 64 << 20
_AGAIN = "generate the project again"

Whole = Annotated[int, Field(gt=-(1 << 63), lt=1 << 63)]
Count = Annotated[int, Field(ge=0, lt=1 << 63)]


class _Part(BaseModel):
    """Unknown keys are ignored: later versions may add some."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False, strict=True)


class Port(_Part):
    """An input or output."""

    name: str
    shape: tuple[Count, ...]
    dtype: Annotated[str, Field(pattern=f"^({'|'.join(dtypes.BY_NAME)})$")]
    scale: float | None
    zero_point: Whole | None

    @field_validator("shape")
    @classmethod
    def _sized(cls, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Raises ValueError for more elements than any model has."""
        if math.prod(max(extent, 1) for extent in shape) > MAX_ELEMENTS:
            raise ValueError("too large")
        return shape


class Layer(_Part):
    """A layer of the firmware."""

    index: Count
    op: str
    name: str
    macs: Count
    kernels: tuple[str, ...]
    input_bits: Count | None = None
    bits: Count | None = None
    weight_bits: tuple[Count, ...] = ()


class Arena(_Part):
    """How large the arena is; where its buffers lie is only shown."""

    bytes: Count
    lower_bound: Count
    method: str


class Description(_Part):
    """What the host uses of a project's description."""

    model: str
    identifier: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,79}$")]
    board: str
    link: LinkKind
    rule: Literal["tflm", "litert"]
    optimize: Objective
    io: Literal["arena", "external"]
    hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    layers: tuple[Layer, ...]
    arena: Arena
    plan: dict[str, Any] | None
    state_bytes: Count
    assembler_stack: dict[str, Count]
    harness: str | None = None


def read(file: Path) -> dict[str, Any]:
    """The description of a project, every field of which is what it must be. Raises UsageError."""
    try:
        if file.stat().st_size > MAX_BYTES:
            raise UsageError(f"{file} is larger than {MAX_BYTES:,} bytes", hint=_AGAIN)
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError:
        raise UsageError(
            f"{file.parent} is not a firmware project (no {file.name})",
            hint="make one with `intarsia generate`",
        ) from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file} is damaged: {str(error)[:200]}", hint=_AGAIN) from None
    if isinstance(document, dict) and document.get("schema") == LIBRARY_SCHEMA:
        raise UsageError(
            f"{file.parent} is a library, which your own project builds",
            hint="for a firmware that runs and measures, generate without --format",
        )
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise UsageError(f"{file} is not a project description", hint=_AGAIN)
    if document.get("schema_version") != SCHEMA_VERSION:
        raise UsageError(f"{file} has schema version {document.get('schema_version')!r:.60}", hint=_AGAIN)
    _check(document, file)
    return document


def _check(document: dict[str, Any], file: Path) -> None:
    try:
        found = Description.model_validate_json(json.dumps(document))
        if found.plan is not None:
            planfile.from_json(found.plan)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageError(f"{file}: '{where}': {first['msg']}", hint=_AGAIN) from None
    except UsageError as error:
        raise UsageError(f"{file}: {error.message}", hint=_AGAIN) from None
