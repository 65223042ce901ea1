# SPDX-License-Identifier: Apache-2.0
"""Options about fewer bits, and the checks of their values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from intarsia.cli._options import choice, share
from intarsia.errors import UsageError

if TYPE_CHECKING:
    from intarsia.plan.vdpc import Options as Outlying
    from intarsia.request import Mixing

METHODS = ("vdqs", "uniform8", "uniform4", "memory-greedy", "random")
FORMS = ("static", "dynamic", "off")
MAX_DROP = 0.01

Bits = Annotated[
    str,
    typer.Option(
        "--bits",
        metavar="8[,4][,2]",
        help="Bits that may be chosen for each feature map when quantizing.",
    ),
]
WeightBits = Annotated[
    str,
    typer.Option(
        "--weight-bits", metavar="8[,4][,2]", help="Bits that may be chosen for the weights of each layer."
    ),
]
Method = Annotated[
    str | None,
    typer.Option(
        metavar="|".join(METHODS),
        autocompletion=lambda: list(METHODS),
        help="How bits are chosen: by lost entropy and saved computation (vdqs, the default), or for comparison all "
        "8, all 4, from the largest map down until the RAM suffices, or at random.",
    ),
]
MaxDrop = Annotated[
    float | None,
    typer.Option(
        "--max-drop",
        metavar="SHARE",
        help="Give bits back, or with --fp16 auto let layers compute in half precision, until held-out calibration "
        f"samples lose no more accuracy than this.  [default: {MAX_DROP:g} with vdqs and --fp16 auto, else no limit]",
        show_default=False,
    ),
]
Lambda = Annotated[
    float | None,
    typer.Option(
        "--lambda",
        metavar="L",
        help="What lost entropy weighs against saved computation: 0 saves all it can, 1 keeps all entropy; less is "
        "tried, too, where --max-drop leaves room.  "
        "[default: 0.4]",
        show_default=False,
    ),
]
Vdpc = Annotated[
    str | None,
    typer.Option(
        "--vdpc",
        metavar="|".join(FORMS),
        autocompletion=lambda: list(FORMS),
        help="With patches and fewer bits, patches that hold outliers keep 8: which ones is fixed when quantizing "
        "(static, the default), decided by the device in every inference, or no patch is treated apart.",
        show_default=False,
    ),
]
OutlierShare = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="How many of the patches count as outliers.  [default: 0.25]",
        show_default=False,
    ),
]
OutlierZ = Annotated[
    float | None,
    typer.Option(
        metavar="Z",
        help="Instead: a value that many standard deviations from the mean is an outlier.",
        show_default=False,
    ),
]
OutlierCoverage = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="Instead: this share of normally distributed values are no outliers, such as 0.999.",
        show_default=False,
    ),
]
SavePlan = Annotated[
    Path | None,
    typer.Option(
        "--save-plan",
        metavar="FILE",
        help="Write the plan there: patches, classes and bits, for --plan.",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class Choosing:
    """Which bits may be chosen, and how."""

    bits: Bits = "8"
    weight_bits: WeightBits = "8"
    method: Method = None
    max_drop: MaxDrop = None
    balance: Lambda = None
    vdpc: Vdpc = None
    outlier_share: OutlierShare = None
    outlier_z: OutlierZ = None
    outlier_coverage: OutlierCoverage = None

    def mixing(self, calibration: Path | None, plan: Path | None = None, fp16: str = "off") -> Mixing | None:
        """The same as the pipeline takes it; None: 8 everywhere, or those of a plan. Raises UsageError.

        With `fp16` "auto", --max-drop is about half precision, too.
        """
        from intarsia.plan.vdpc import Options
        from intarsia.plan.vdqs import BALANCE
        from intarsia.request import Mixing

        maps, weights = widths(self.bits, "--bits"), widths(self.weight_bits, "--weight-bits")
        choice(self.method, METHODS, "--method")
        choice(self.vdpc, FORMS, "--vdpc")
        share(self.max_drop, "--max-drop")
        share(self.balance, "--lambda")
        outliers = self.outliers()
        limited = self.max_drop is not None and fp16 != "auto"
        asked = limited or any(
            value is not None for value in (self.method, self.balance, self.vdpc, outliers)
        )
        if plan is not None and (asked or maps != (8,) or weights != (8,)):
            raise UsageError(
                "--plan and the choice of bits do not go together",
                hint="the plan says how many bits there are",
            )
        if maps == weights == (8,):
            if asked:
                raise UsageError(
                    "--method, --max-drop, --lambda, --vdpc and outliers are about choosing bits, and only 8 are "
                    "allowed",
                    hint="allow others, such as --bits 8,4 --weight-bits 8,4",
                )
            return None
        if calibration is None:
            raise UsageError(
                "bits are chosen with samples, and there are none", hint="give them with --calib"
            )
        if self.method == "uniform4" and 4 not in maps + weights:
            raise UsageError("--method uniform4 needs 4 bits to be allowed", hint="such as --bits 8,4")
        if outliers is not None and self.vdpc == "off":
            raise UsageError("--vdpc off knows no outliers", hint="leave --outlier-... out, or --vdpc")
        unlimited = self.max_drop is None and self.method not in (None, "vdqs")
        return Mixing(
            maps,
            weights,
            self.method or "vdqs",
            None if unlimited else MAX_DROP if self.max_drop is None else self.max_drop,
            BALANCE if self.balance is None else self.balance,
            self.vdpc or "static",
            outliers or Options(),
        )

    def outliers(self) -> Outlying | None:
        """What makes a patch an outlier, where that is said. Raises UsageError."""
        from intarsia.plan.vdpc import Options

        part, z, coverage = self.outlier_share, self.outlier_z, self.outlier_coverage
        rules = (("share", part), ("z", z), ("coverage", coverage))
        given = [(rule, value) for rule, value in rules if value is not None]
        if len(given) > 1:
            raise UsageError(
                "--outlier-share, --outlier-z and --outlier-coverage say the same in different ways",
                hint="give one",
            )
        share(part, "--outlier-share")
        if z is not None and not (math.isfinite(z) and z >= 0.0):
            raise UsageError(f"--outlier-z: {z:g} is no number of deviations", hint="such as 3.5")
        if coverage is not None and not 0.0 <= coverage < 1.0:
            raise UsageError(f"--outlier-coverage: {coverage:g} does not lie in [0, 1)", hint="such as 0.999")
        return Options(*given[0]) if given else None


def widths(text: str, option: str) -> tuple[int, ...]:
    """Bits of a text such as "8,4,2", from 8 down. Raises UsageError."""
    found = {part.strip() for part in text.split(",")}
    if "8" not in found or not found <= {"8", "4", "2"}:
        raise UsageError(
            f"{option}: '{text}' are no bits to choose from",
            hint="8, and 4 and 2 where wanted, such as 8,4,2",
        )
    return tuple(sorted(map(int, found), reverse=True))
