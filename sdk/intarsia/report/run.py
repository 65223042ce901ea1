# SPDX-License-Identifier: Apache-2.0
"""A measured run and its document, `run.json`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, cast, get_args

import numpy as np

from intarsia.accuracy import Accuracy
from intarsia.build import Built
from intarsia.errors import StageError
from intarsia.exactness import Comparison
from intarsia.measure import Measurement
from intarsia.report.document import Device, Document, Latency, Layer, Memory, Reference, Score, Unit


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
    labels: np.ndarray | None

    def document(self) -> Document:
        """The document of schema `intarsia.run` (design, section 8)."""
        project, difference = self.built.project.document, self.comparison.max_abs_diff
        return Document(
            model=project["model"],
            board=project["board"],
            latency=self._latency(),
            memory=Memory(**self.built.memory.to_json(), arena_lower_bound=project["arena"]["lower_bound"]),
            accuracy=Score(**vars(self.accuracy)) if self.accuracy else None,
            reference=Reference(
                rule=self.comparison.rule,
                oracle=self.comparison.oracle,
                compared=self.comparison.compared,
                mismatched_outputs=self.comparison.mismatched,
                max_abs_diff=difference if math.isfinite(difference) else None,
                accuracy=self.reference_accuracy.value if self.reference_accuracy else None,
            ),
            plan=project["plan"],
            device=Device(
                samples=len(self.measurement.outputs),
                stack_bytes=self.measurement.stack_bytes,
                damaged_frames=dict(self.measurement.damaged),
            ),
        )

    def to_json(self) -> dict[str, Any]:
        """The document as plain JSON types."""
        return self.document().to_json()

    def _latency(self) -> Latency:
        counts, layers = self.measurement.layers, self.built.project.document["layers"]
        return Latency(
            unit=_unit(self.measurement.unit),
            total=self.measurement.latency,
            layers=tuple(
                Layer(
                    index=layer["index"],
                    op=layer["op"],
                    name=layer["name"],
                    count=counts[position] if counts else None,
                    macs=layer["macs"],
                )
                for position, layer in enumerate(layers)
            ),
            milliseconds=None,
        )


def _unit(name: str) -> Unit:
    """What the device says it counts. Raises StageError for anything unknown."""
    for unit in get_args(Unit):
        if name == unit:
            return cast(Unit, unit)
    raise StageError(f"the firmware counts '{name}'", hint=f"a board counts {', '.join(get_args(Unit))}")
