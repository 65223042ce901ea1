# SPDX-License-Identifier: Apache-2.0
"""What a user asks of the pipeline: data, limits, patches, and who is told what goes on."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from intarsia import data
from intarsia.data import Dataset
from intarsia.ir import Graph
from intarsia.plan import vdqs
from intarsia.plan.vdpc import Options as Outlying
from intarsia.quantize import Options
from intarsia.runners.base import ANYWHERE, Place

RANDOM_SAMPLES = 8
"""Seeded random samples that are compared when no data is given."""


class Objective(enum.Enum):
    """What the choice of kernels shall save: instructions, bytes of flash, or both in balance."""

    SPEED = "speed"
    BALANCED = "balanced"
    SIZE = "size"


class Watcher(Protocol):
    """Is told what goes on: stages as they begin, progress inside them, frames as they arrive, notes on the result."""

    def stage(self, name: str) -> None: ...

    def progress(self, done: int, total: int) -> None: ...

    def frame(self, event: dict[str, Any]) -> None: ...

    def note(self, text: str) -> None: ...


class Silent:
    """A Watcher that says nothing."""

    def stage(self, name: str) -> None:
        pass

    def progress(self, done: int, total: int) -> None:
        pass

    def frame(self, event: dict[str, Any]) -> None:
        pass

    def note(self, text: str) -> None:
        pass


@dataclass(frozen=True)
class DataSource:
    """Where samples come from and how integers in it become real values."""

    path: Path
    input_scale: float | None = None
    input_offset: float = 0.0
    label_column: str | None = None
    limit: int | None = None

    def load(self, graph: Graph) -> Dataset:
        """Samples for the graph's inputs. Raises UsageError."""
        return data.load(
            self.path,
            [graph.tensor(index) for index in graph.inputs],
            input_scale=self.input_scale,
            input_offset=self.input_offset,
            label_column=self.label_column,
            limit=self.limit,
        )


@dataclass(frozen=True)
class Budget:
    """Limits in bytes that override the board's (None: the board's), and what the choice of kernels shall save."""

    ram: int | None = None
    flash: int | None = None
    objective: Objective = Objective.BALANCED


@dataclass(frozen=True)
class Patching:
    """Whether the first layers run patch by patch, and where inputs and outputs lie.

    `patches`: "auto" (when layer by layer does not fit the RAM), "off", or a grid as (rows, columns). `input`: the
    image lies in the "arena", or a "reader" callback fetches each patch. `file`: a plan.json to follow instead.
    `external`: inputs that no reader fetches, and outputs, lie in memory of the caller instead of the arena.
    """

    patches: str | tuple[int, int] = "auto"
    input: str = "arena"
    file: Path | None = None
    external: bool = False

    @property
    def asked(self) -> bool:
        """Whether patches are wanted even where the RAM would do without."""
        return isinstance(self.patches, tuple) or self.input == "reader"


@dataclass(frozen=True)
class Mixing:
    """Which bits feature maps and weights may have, 8 among them, and how they are chosen.

    `method`: a name of `plan.vdqs.METHODS`. `max_drop`: what held-out calibration samples may lose (None: no limit).
    `balance`: lambda of the search, 0 looks at saved BitOPs alone, 1 at entropy alone. `spend_time`: bits may save
    BitOPs where they cost time. `vdpc`: with patches, those with outliers (`outliers` says which are) keep 8 bits;
    which ones is decided once and for all ("static"), by the device in every inference ("dynamic"), or patches are
    all treated alike ("off").
    """

    maps: tuple[int, ...] = (8,)
    weights: tuple[int, ...] = (8,)
    method: str = "vdqs"
    max_drop: float | None = 0.01
    balance: float = vdqs.BALANCE
    vdpc: str = "static"
    outliers: Outlying = field(default_factory=Outlying)
    spend_time: bool = False


@dataclass(frozen=True)
class Recipe:
    """How a model file becomes the graph that is generated, and the patches that it runs in.

    `rule`: the rounding rule of the imported model (None: the default, or the file's own). `calibration`: samples to
    quantize with; without, the model stays as it is, but for layers that `options` put into half precision. `mixing`:
    which bits may be chosen (None: 8 everywhere, or those of a plan file).
    """

    rule: str | None = None
    calibration: DataSource | None = None
    options: Options = field(default_factory=Options)
    mixing: Mixing | None = None
    budget: Budget = Budget()
    patching: Patching = Patching()


@dataclass(frozen=True)
class Request:
    """What to run, where, and what to compare it with; `command` is the command line that asks, for the report.

    `feature_maps`: those of the first sample are compared, too, on a second firmware that shows them.
    """

    data: DataSource | None = None
    oracle: str = "auto"
    stream: bool = False
    place: Place = ANYWHERE
    resume: bool = False
    command: str | None = None
    feature_maps: bool = False

    def load(self, graph: Graph) -> Dataset:
        """The samples to run. Raises UsageError."""
        return self.data.load(graph) if self.data else data.random_samples(graph, RANDOM_SAMPLES)
