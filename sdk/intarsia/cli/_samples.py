# SPDX-License-Identifier: Apache-2.0
"""Options about samples and how they are read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from intarsia.errors import UsageError

if TYPE_CHECKING:
    from intarsia.request import DataSource

Samples = Annotated[
    int | None,
    typer.Option("--samples", metavar="N", help="Use the first N samples only.", show_default=False),
]
InputScale = Annotated[
    float | None,
    typer.Option(metavar="S", help="Integers x of the data mean (x - O) * S.", show_default=False),
]
InputOffset = Annotated[float, typer.Option(metavar="O", help="See --input-scale.")]
LabelColumn = Annotated[
    str | None, typer.Option(metavar="NAME", help="Column of labels.csv with the classes.")
]


@dataclass(frozen=True)
class Reading:
    """What numbers and labels in the data mean."""

    input_scale: InputScale = None
    input_offset: InputOffset = 0.0
    label_column: LabelColumn = None

    def check(self, samples: int | None, *data: Path | None) -> None:
        """Raises UsageError for numbers that make no sense, and for options that have no data to go with."""
        scale, offset = self.input_scale, self.input_offset
        if samples is not None and samples < 1:
            raise UsageError(f"--samples: {samples} is less than 1", hint="give the number of samples to use")
        if scale is not None and not (math.isfinite(scale) and scale > 0):
            raise UsageError(
                f"--input-scale: {scale:g} is not positive", hint="such as 0.0039215686 for x / 255"
            )
        if not math.isfinite(offset):
            raise UsageError(f"--input-offset: {offset:g} is not finite", hint="give a number")
        if not any(data) and (samples is not None or scale is not None):
            raise UsageError(
                "--samples and --input-scale say how data is read, and there is none", hint="give --data"
            )

    def source(self, path: Path | None, limit: int | None = None) -> DataSource | None:
        """Data as the pipeline takes it: at most `limit` samples, where there is a path."""
        from intarsia.request import DataSource

        if path is None:
            return None
        return DataSource(path, self.input_scale, self.input_offset, self.label_column, limit)
