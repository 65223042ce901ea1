# SPDX-License-Identifier: Apache-2.0
"""`run.json` as types, and how it is read: files may come from anywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from intarsia.errors import UsageError

SCHEMA, SCHEMA_VERSION = "intarsia.run", 1
RUN_FILE = "run.json"
MAX_BYTES = 64 << 20

Unit = Literal["instructions", "cycles", "none"]
Whole = Annotated[int, Field(gt=-(1 << 63), lt=1 << 63)]
Count = Annotated[int, Field(ge=0, lt=1 << 63)]
Step = Annotated[int, Field(ge=0, lt=1 << 16)]
Positive = Annotated[float, Field(gt=0)]


class _Part(BaseModel):
    """Unknown keys are ignored: later versions may add some."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Layer(_Part):
    """`count` is in the run's unit, None where the board has no counter.

    `bound` is the most MACs that the board's core can do in one unit with operands of these widths (None: unknown, or
    no MACs). `bits` is the width of the output, `input_bits` of the widest feature map read, `weight_bits` all widths
    of the weights. `flash_bytes` are constants and code that no other layer uses.
    """

    index: Count
    op: str
    name: str
    count: Whole | None
    macs: Count
    kernels: tuple[str, ...] = ()
    bound: Positive | None = None
    input_bits: Count | None = None
    bits: Count | None = None
    weight_bits: tuple[Count, ...] = ()
    flash_bytes: Count | None = None


class Latency(_Part):
    """`total` is the median of one inference in `unit`, None with the unit "none"."""

    unit: Unit
    total: Whole | None
    layers: tuple[Layer, ...]
    milliseconds: float | None


class Size(_Part):
    """A named number of bytes."""

    name: str
    bytes: Count


class Memory(_Part):
    """All in bytes. `stack_bytes` is the bound, `arena_lower_bound` what no placement can beat; `image_bytes` is the
    image that a reader keeps outside the RAM of the model. `flash_sections` are those of the firmware's file."""

    arena_bytes: Count
    stack_bytes: Count
    ram_bytes: Count
    flash_bytes: Count
    weights_bytes: Count
    code_bytes: Count
    image_bytes: Count = 0
    arena_lower_bound: Count | None = None
    flash_sections: tuple[Size, ...] = ()


class Block(_Part):
    """A buffer of the arena: `kind` is input, map, output or scratch; it lies at `offset` from step `first` to `last`.

    Step 0 fills the inputs, step i + 1 is layer i, the step behind the last layer reads the outputs.
    """

    name: str
    kind: Literal["input", "map", "output", "scratch"] = "map"
    offset: Count
    size: Count
    first: Step
    last: Step

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        """Raises ValueError for a buffer that ends before it begins."""
        if self.first > self.last:
            raise ValueError(f"first: step {self.first} is behind the last, {self.last}")
        return self


class Arena(_Part):
    """Where every buffer lies, and how the places were found. Buffers that share memory overlap."""

    bytes: Count
    lower_bound: Count
    method: str
    buffers: tuple[Block, ...]


class Port(_Part):
    """An input of the model."""

    name: str
    shape: tuple[Count, ...]
    dtype: str


class Score(_Part):
    """Accuracy in [0, 1] over `samples`."""

    metric: str
    value: float
    samples: Count


class Difference(_Part):
    """One tensor against the reference: how many values, how many of them differ, and the largest difference (None: it
    is not finite)."""

    name: str
    compared: Count
    mismatched: Count
    max_abs_diff: float | None


class LayerDifference(_Part):
    """One feature map of one sample against the reference; see `difference.LayerDifference`."""

    index: Count
    op: str
    name: str
    output: Count
    whole: bool
    compared: Count
    mismatched: Count
    max_abs_diff: float | None
    first: tuple[Count, ...] | None
    patch: tuple[Count, Count] | None
    device: float | None
    reference: float | None
    own: Count | None


class FeatureMaps(_Part):
    """All feature maps of a `sample`; see `difference.Differences`."""

    sample: Count
    layers: tuple[LayerDifference, ...]


class Reference(_Part):
    """`max_abs_diff` is None when a difference is not finite; `accuracy` is that of the reference. `outputs` tells the
    same output by output, `maps` for the feature maps of one sample (None: they were not asked for)."""

    rule: str
    oracle: str
    compared: Count
    mismatched_outputs: Count
    max_abs_diff: float | None
    accuracy: float | None = None
    outputs: tuple[Difference, ...] = ()
    maps: FeatureMaps | None = None


class Sample(_Part):
    """One sample of a classifier: its number in the data, the right class and the device's.

    `margin` is the score of the right class less the best other score, in real units: negative when wrong.
    """

    index: Count
    label: Count
    predicted: Count
    margin: float


class Classification(_Part):
    """`counts[i][j]`: samples of class `classes[i]` that the device took for `classes[j]`.

    With many classes only those with most mistakes are listed, and a last row and column hold all `others`. `worst`
    are the samples with the lowest margins, the lowest first.
    """

    classes: tuple[Count, ...]
    others: bool
    counts: tuple[tuple[Count, ...], ...]
    worst: tuple[Sample, ...]

    @model_validator(mode="after")
    def _square(self) -> Self:
        """Raises ValueError unless there is a row and a column for each class."""
        size = len(self.classes) + self.others
        if [len(row) for row in self.counts] != [size] * size:
            raise ValueError(f"counts: not {size} rows of {size} numbers")
        return self


class Environment(_Part):
    """Versions of what the run was made with, the command that made it and the time, UTC; see `environment.py`."""

    intarsia: str
    python: str
    numpy: str
    system: str
    compiler: str
    runner: str | None
    command: str | None
    made: str


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
    inputs: tuple[Port, ...] = ()
    arena: Arena | None = None
    classification: Classification | None = None
    environment: Environment | None = None

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
