# SPDX-License-Identifier: Apache-2.0
"""The plan: where a network is split, into which patches, and what that costs. Read and written as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from intarsia.errors import UsageError
from intarsia.ir import Graph

SCHEMA = "intarsia.plan"
SCHEMA_VERSION = 1

Range = tuple[int, int]


@dataclass(frozen=True)
class Branch:
    """One patch: rows and columns [low, high) of the input that it needs and of the split map that it makes, and its
    MACs and BitOPs."""

    row: int
    column: int
    input: tuple[Range, Range]
    output: tuple[Range, Range]
    macs: int
    bitops: int


@dataclass(frozen=True)
class Memory:
    """Bytes with portable kernels: of the whole `arena`, most alive while branches run (`stage_1`) and behind them
    (`stage_2`), the arena without patches (`layer_based`), and the `image` that a reader keeps outside."""

    arena: int
    stage_1: int
    stage_2: int
    layer_based: int
    image: int


@dataclass(frozen=True)
class Plan:
    """`split_after` is the last layer that runs patch by patch (None: layer by layer); `grid` is rows x columns.

    `macs` and `bitops` include what is recomputed because patches overlap; `macs_layer` and `bitops_layer` are the same
    without patches.
    """

    model: str
    split_after: int | None
    split_tensor: str | None
    grid: tuple[int, int]
    input: str
    macs: int
    macs_layer: int
    bitops: int
    bitops_8bit_patch: int
    bitops_layer: int
    memory: Memory
    branches: tuple[Branch, ...] = ()
    outlier_patches: int = 0

    @property
    def patched(self) -> bool:
        return self.split_after is not None

    def to_json(self) -> dict[str, Any]:
        """The document of schema `intarsia.plan`."""
        return {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, **asdict(self)}

    def check(self, graph: Graph) -> None:
        """Raises UsageError when the plan was made for another network."""
        if self.split_after is None:
            return
        nodes = graph.nodes
        if self.split_after >= len(nodes) or graph.output(nodes[self.split_after]).name != self.split_tensor:
            raise UsageError(
                f"the plan splits '{self.model}' after layer {self.split_after} ('{self.split_tensor}'), "
                f"which '{graph.name}' does not have",
                hint="make a plan for this model with --patches auto",
            )


def from_json(document: Any) -> Plan:
    """Inverse of `Plan.to_json`. Raises UsageError for what is not a plan."""
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise UsageError("not a plan", hint="plans are written by `intarsia quantize --patches auto`")
    if document.get("schema_version") != SCHEMA_VERSION:
        raise UsageError(f"plan of version {document.get('schema_version')}; {SCHEMA_VERSION} is supported")
    fields = {k: v for k, v in document.items() if k not in ("schema", "schema_version")}
    try:
        fields["memory"] = Memory(**fields["memory"])
        fields["branches"] = tuple(_branch(item) for item in fields["branches"])
        fields["grid"] = _pair(fields["grid"])
        plan = Plan(**fields)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"damaged plan: {error}", hint="make the plan again") from None
    if plan.input not in ("arena", "reader") or min(plan.grid) < 1:
        raise UsageError(f"damaged plan: grid {list(plan.grid)}, input '{plan.input}'")
    return plan


def load(path: Path) -> Plan:
    """Reads plan.json. Raises UsageError."""
    try:
        return from_json(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{path} is not JSON: {error}") from None
    except UsageError as error:
        raise UsageError(f"{path}: {error.message}", hint=error.hint) from None


def save(plan: Plan, path: Path) -> None:
    path.write_text(json.dumps(plan.to_json(), indent=1) + "\n", encoding="utf-8")


def _branch(item: dict[str, Any]) -> Branch:
    boxes = {key: tuple(_pair(axis) for axis in item[key]) for key in ("input", "output")}
    return Branch(**{**item, **boxes})


def _pair(values: Any) -> Range:
    low, high = values
    if not (isinstance(low, int) and isinstance(high, int)):
        raise TypeError(f"{values} are not two integers")
    return low, high
