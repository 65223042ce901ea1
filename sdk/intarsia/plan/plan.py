# SPDX-License-Identifier: Apache-2.0
"""The plan: where a network is split, into which patches of which class, with how many bits, and what that costs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from intarsia.errors import UsageError
from intarsia.ir import Graph, OutlierRule

SCHEMA = "intarsia.plan"
SCHEMA_VERSION = 1

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Width = Literal[2, 4, 8, 16, 32, 64]
Range = tuple[Count, Count]


class _Strict:
    """Read from JSON, it has no other fields."""

    __pydantic_config__ = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class Branch(_Strict):
    """One patch: rows and columns [low, high) of the input that it needs and of the split map that it makes, its MACs,
    BitOPs and class ("normal" or "outlier"; where that is decided in every inference, what it mostly is)."""

    row: Count
    column: Count
    input: tuple[Range, Range]
    output: tuple[Range, Range]
    macs: Count
    bitops: Count
    kind: Annotated[Literal["normal", "outlier"], Field(alias="class")] = "normal"

    def to_json(self) -> dict[str, Any]:
        fields = asdict(self)
        return {**{k: v for k, v in fields.items() if k != "kind"}, "class": self.kind}


@dataclass(frozen=True)
class MapBits(_Strict):
    """Bits of a feature map where branches of a class compute it, or behind the split ("rest"), and of the weights of
    the layer that makes it (None: there are none). `index` is that of the tensor."""

    index: Count
    name: str
    scope: Literal["normal", "outlier", "rest"]
    bits: Width
    weights_bits: Width | None = None


@dataclass(frozen=True)
class Outliers(_Strict):
    """How classes of patches are told apart: once and for all ("static") or in every inference by a `rule`
    ("dynamic"). `shares`: part of the samples in which each patch is an outlier. `z`: deviations from the mean from
    which on a value is one, where that is known."""

    form: Literal["static", "dynamic"]
    shares: tuple[Share, ...]
    rule: OutlierRule | None = None
    z: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] | None = None


@dataclass(frozen=True)
class Decisions(_Strict):
    """How the bits were chosen: `balance` is lambda, `drop` what held-out samples lose, at most `max_drop`."""

    method: str
    balance: Annotated[Share, Field(alias="lambda")]
    bits: tuple[Width, ...]
    weight_bits: tuple[Width, ...]
    max_drop: Share | None
    drop: Annotated[float, Field(allow_inf_nan=False)]

    def to_json(self) -> dict[str, Any]:
        fields = asdict(self)
        return {**{k: v for k, v in fields.items() if k != "balance"}, "lambda": self.balance}


@dataclass(frozen=True)
class Memory(_Strict):
    """Bytes of the whole `arena`, and of what is needed while branches run (`stage_1`) and behind them (`stage_2`), all
    with the kernels of the board that a plan was made for, else portable ones; the arena without patches
    (`layer_based`) with portable kernels, and the `image` that a reader keeps outside."""

    arena: Count
    stage_1: Count
    stage_2: Count
    layer_based: Count
    image: Count


@dataclass(frozen=True)
class Plan(_Strict):
    """`split_after` is the last layer that runs patch by patch (None: layer by layer); `grid` is rows x columns.

    `macs` and `bitops` include what is recomputed because patches overlap; `macs_layer` and `bitops_layer` are the same
    without patches. `bitops_8bit_patch` and `bitops_layer` are those of 8 bits.
    """

    model: str
    split_after: Count | None
    split_tensor: str | None
    grid: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]
    input: Literal["arena", "reader"]
    macs: Count
    macs_layer: Count
    bitops: Count
    bitops_8bit_patch: Count
    bitops_layer: Count
    memory: Memory
    branches: tuple[Branch, ...] = ()
    outlier_patches: Count = 0
    maps: tuple[MapBits, ...] = ()
    outliers: Outliers | None = None
    decisions: Decisions | None = None

    @property
    def patched(self) -> bool:
        return self.split_after is not None

    @property
    def narrow(self) -> bool:
        """Whether it gives something fewer than 8 bits, or has been chosen among such plans."""
        widths = [width for entry in self.maps for width in (entry.bits, entry.weights_bits or 8)]
        return self.decisions is not None or self.outliers is not None or any(width < 8 for width in widths)

    @property
    def place(self) -> tuple[int | None, tuple[int, int]]:
        """Where the network is cut."""
        return self.split_after, self.grid

    def to_json(self) -> dict[str, Any]:
        """The document of schema `intarsia.plan`."""
        return {
            "schema": SCHEMA,
            "schema_version": SCHEMA_VERSION,
            **asdict(self),
            "branches": [branch.to_json() for branch in self.branches],
            "decisions": self.decisions.to_json() if self.decisions else None,
        }

    def check(self, graph: Graph) -> None:
        """Raises UsageError when the plan was made for another network."""
        nodes = graph.nodes
        if self.split_after is not None and (
            self.split_after >= len(nodes) or graph.output(nodes[self.split_after]).name != self.split_tensor
        ):
            raise UsageError(
                f"the plan splits '{self.model}' after layer {self.split_after} ('{self.split_tensor}'), "
                f"which '{graph.name}' does not have",
                hint="make a plan for this model with --patches auto",
            )
        for entry in self.maps:
            if entry.index >= len(graph.tensors) or graph.tensor(entry.index).name != entry.name:
                raise UsageError(
                    f"the plan gives bits to '{entry.name}' (tensor {entry.index}), which '{graph.name}' does not have",
                    hint="make a plan for this model",
                )
