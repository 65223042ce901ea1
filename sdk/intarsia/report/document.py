# SPDX-License-Identifier: Apache-2.0
"""`run.json` as types, and how it is read: files may come from anywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from intarsia.errors import UsageError

SCHEMA, SCHEMA_VERSION = "intarsia.run", 1
RUN_FILE = "run.json"
MAX_BYTES = 64 << 20

Unit = Literal["instructions", "cycles", "none"]
Count = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    """Unknown keys are ignored: later versions may add some."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Layer(_Part):
    """`count` is in the run's unit, None where the board has no counter."""

    index: Count
    op: str
    name: str
    count: int | None
    macs: Count


class Latency(_Part):
    """`total` is the median of one inference in `unit`, None with the unit "none"."""

    unit: Unit
    total: int | None
    layers: tuple[Layer, ...]
    milliseconds: float | None


class Memory(_Part):
    """All in bytes. `stack_bytes` is the bound, `arena_lower_bound` what no placement can beat; `image_bytes` is the
    image that a reader keeps outside the RAM of the model."""

    arena_bytes: Count
    stack_bytes: Count
    ram_bytes: Count
    flash_bytes: Count
    weights_bytes: Count
    code_bytes: Count
    image_bytes: Count = 0
    arena_lower_bound: Count | None = None


class Score(_Part):
    """Accuracy in [0, 1] over `samples`."""

    metric: str
    value: float
    samples: Count


class Reference(_Part):
    """`max_abs_diff` is None when a difference is not finite; `accuracy` is that of the reference."""

    rule: str
    oracle: str
    compared: Count
    mismatched_outputs: Count
    max_abs_diff: float | None
    accuracy: float | None = None


class Device(_Part):
    """`samples` run, the most stack the device has seen used, damaged frames by kind (all were repeated)."""

    samples: Count
    stack_bytes: Count | None
    damaged_frames: dict[str, Count]


class Gate(_Part):
    """A limit that was asked for: what was found, and whether it is met."""

    name: str
    limit: float
    value: float
    passed: bool


class Document(_Part):
    """Schema `intarsia.run`, version 1."""

    model: str
    board: str
    latency: Latency
    memory: Memory
    accuracy: Score | None
    reference: Reference
    plan: dict[str, Any] | None
    device: Device | None = None
    gates: tuple[Gate, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """The document as plain JSON types; `gates` only where there are any."""
        fields = self.model_dump(mode="json")
        if self.gates is None:
            del fields["gates"]
        return {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, **fields}


def read(path: Path) -> Document:
    """Reads `run.json`, or the one in a folder. Raises UsageError that names the file and what is wrong."""
    file = path / RUN_FILE if path.is_dir() else path
    try:
        if file.stat().st_size > MAX_BYTES:
            raise UsageError(
                f"{file} is too large for a run", hint="give a run.json of `intarsia profile -o DIR`"
            )
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"cannot read {file}: {error.strerror}", hint="give a run.json, or the folder of `profile -o`"
        ) from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file} is not JSON: {str(error)[:200]}", hint="make the run again") from None
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise UsageError(
            f"{file} is not a run of Intarsia", hint="make one with `intarsia profile MODEL -o DIR`"
        )
    if content.get("schema_version") != SCHEMA_VERSION:
        raise UsageError(
            f"{file} has schema version {content.get('schema_version')}, not {SCHEMA_VERSION}",
            hint="make the run again with this version of Intarsia",
        )
    try:
        return Document.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{file}: '{key}': {first['msg']}", hint="make the run again") from None
