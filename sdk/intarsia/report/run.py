# SPDX-License-Identifier: Apache-2.0
"""A measured run and its document, `run.json`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, cast, get_args

import numpy as np

from intarsia import environment, exactness
from intarsia.accuracy import Accuracy
from intarsia.build import Built
from intarsia.data import Dataset
from intarsia.difference import Differences
from intarsia.errors import StageError
from intarsia.exactness import Comparison
from intarsia.measure import Measurement
from intarsia.report import bounds
from intarsia.report.classification import classify
from intarsia.report.document import (
    Arena,
    Classification,
    Device,
    Difference,
    Document,
    Environment,
    FeatureMaps,
    Latency,
    Layer,
    LayerDifference,
    Memory,
    Port,
    Reference,
    Score,
    Size,
    Unit,
)


@dataclass(frozen=True, eq=False)
class Run:
    """What was built, what the device answered, and how it compares.

    `accuracy` is that of the device, `reference_accuracy` that of the reference on the same samples; both
    are None without labels. `expected[i]` are the reference's output tensors of sample i.
    """

    built: Built
    measurement: Measurement
    comparison: Comparison
    accuracy: Accuracy | None
    reference_accuracy: Accuracy | None
    expected: list[list[np.ndarray]]
    dataset: Dataset
    environment: environment.Environment
    differences: Differences | None = None

    @property
    def labels(self) -> np.ndarray | None:
        return self.dataset.labels

    def document(self) -> Document:
        """The document of schema `intarsia.run`."""
        project, difference = self.built.project.document, self.comparison.max_abs_diff
        return Document(
            model=project["model"],
            board=project["board"],
            latency=self._latency(),
            memory=Memory(
                **self.built.memory.to_json(),
                arena_lower_bound=project["arena"]["lower_bound"],
                flash_sections=tuple(Size(name=n, bytes=b) for n, b in self.built.memory.flash_sections),
            ),
            accuracy=Score(**vars(self.accuracy)) if self.accuracy else None,
            reference=Reference(
                rule=self.comparison.rule,
                oracle=self.comparison.oracle,
                compared=self.comparison.compared,
                mismatched_outputs=self.comparison.mismatched,
                max_abs_diff=difference if math.isfinite(difference) else None,
                accuracy=self.reference_accuracy.value if self.reference_accuracy else None,
                outputs=tuple(self._differences()),
                maps=self._maps(),
            ),
            plan=project["plan"],
            device=Device(
                samples=len(self.measurement.outputs),
                stack_bytes=self.measurement.stack_bytes,
                damaged_frames=dict(self.measurement.damaged),
            ),
            inputs=tuple(Port.model_validate(port) for port in project["inputs"]),
            arena=Arena.model_validate(project["arena"]),
            classification=self._classification(),
            environment=Environment(**vars(self.environment)),
        )

    def to_json(self) -> dict[str, Any]:
        """The document as plain JSON types."""
        return self.document().to_json()

    def _latency(self) -> Latency:
        counts, layers = self.measurement.layers, self.built.project.document["layers"]
        unit, flash = _unit(self.measurement.unit), dict(self.built.memory.flash_layers)
        limit = bounds.bound(self.built.project.board)
        return Latency(
            unit=unit,
            total=self.measurement.latency,
            layers=tuple(
                Layer(
                    **layer,
                    count=counts[position] if counts else None,
                    bound=_bound(limit, unit, layer),
                    flash_bytes=flash.get(layer["index"], 0),
                )
                for position, layer in enumerate(layers)
            ),
            milliseconds=self._milliseconds(),
        )

    def _milliseconds(self) -> float | None:
        """Of one inference, where the counter's unit lasts a known time."""
        hertz, total = self.built.project.board.counter.hertz, self.measurement.latency
        return None if hertz is None or total is None else 1000.0 * total / hertz

    def _differences(self) -> Iterator[Difference]:
        """The comparison of each output over all samples."""
        for position, port in enumerate(self.built.project.document["outputs"]):
            got, want = (
                [[outputs[position]] for outputs in samples]
                for samples in (self.measurement.outputs, self.expected)
            )
            found = exactness.compare(self.comparison.rule, self.comparison.oracle, got, want)
            yield Difference(
                name=port["name"],
                compared=found.compared,
                mismatched=found.mismatched,
                max_abs_diff=found.max_abs_diff if math.isfinite(found.max_abs_diff) else None,
            )

    def _maps(self) -> FeatureMaps | None:
        found = self.differences
        if found is None:
            return None
        layers = tuple(LayerDifference(**asdict(layer)) for layer in found.layers)
        return FeatureMaps(sample=found.sample, layers=layers)

    def _classification(self) -> Classification | None:
        if self.accuracy is None or self.labels is None:
            return None
        scale = self.built.project.document["outputs"][0]["scale"]
        return classify([outputs[0] for outputs in self.measurement.outputs], self.labels, scale)


def _bound(limit: bounds.Bound | None, unit: str, layer: dict[str, Any]) -> float | None:
    """The most MACs in one unit; None where a layer has none, or its operands are not known."""
    weights, maps = layer.get("weight_bits"), layer.get("input_bits")
    if limit is None or not layer["macs"] or not weights or not maps:
        return None
    return limit.of(unit, max(weights), maps)


def _unit(name: str) -> Unit:
    """What the device says it counts. Raises StageError for anything unknown."""
    for unit in get_args(Unit):
        if name == unit:
            return cast(Unit, unit)
    raise StageError(f"the firmware counts '{name}'", hint=f"a board counts {', '.join(get_args(Unit))}")
