# SPDX-License-Identifier: Apache-2.0
"""Plans of whole networks compared: 8 bits with and without patches, all 4 bits, and what the search chooses.

Each variant is one quantized model. Its accuracy is measured over all samples on the host board, its memory and its
instructions on an emulated board, and both are compared with the reference.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from intarsia import batching, boards, modelfile, pipeline, precisionplan, quantizing
from intarsia.bench import plancases
from intarsia.bench.plancases import Case
from intarsia.bench.plantable import (
    LAYERS_8,
    PATCHES_8,
    SWEEP,
    UNIFORM_4,
    VDQS,
    VDQS_ALONE,
    WEIGHTS_4,
    Row,
    marked,
)
from intarsia.errors import BudgetError, GateError
from intarsia.ir import Graph
from intarsia.plan import cost
from intarsia.quantize import Options
from intarsia.quantize.drop import correlation, reals
from intarsia.report.run import Run
from intarsia.request import Mixing, Patching, Recipe, Request, Silent, Watcher

DEFAULT_BOARD = "qemu-cortex-m4"
BALANCES = (0.2, 0.3, 0.4, 0.5)
OUTLIER_SHARES = (0.0, 0.25)
MAPS, WEIGHTS = (8, 4, 2), (8, 4, 2)
CORRELATION = "correlation"

Told = Callable[[Row], None]
"""Is told every row as soon as it is measured."""


@dataclass(frozen=True)
class Variant:
    """How to make a model: `mixing` None leaves it at 8 bits; `patched` cuts it into patches for the case's RAM."""

    name: str
    mixing: Mixing | None = None
    patched: bool = True


def variants(balances: Sequence[float] = BALANCES, shares: Sequence[float] = OUTLIER_SHARES) -> list[Variant]:
    """The variants of every network, then one for each lambda and outlier share, whose accuracy has no limit."""
    searched = Mixing(MAPS, WEIGHTS)
    free = replace(searched, max_drop=None)
    return [
        Variant(LAYERS_8, patched=False),
        Variant(PATCHES_8),
        Variant(VDQS, searched),
        Variant(UNIFORM_4, Mixing((8, 4), (8, 4), "uniform4", None)),
        Variant(WEIGHTS_4, Mixing((8,), (8, 4), "uniform4", None)),
        Variant(VDQS_ALONE, replace(searched, vdpc="off")),
        *(
            Variant(SWEEP, _with_share(replace(free, balance=balance), share))
            for balance in balances
            for share in shares
        ),
    ]


def _with_share(mixing: Mixing, share: float) -> Mixing:
    """VDPC with this share of patches as outliers; off for none."""
    if share == 0.0:
        return replace(mixing, vdpc="off")
    return replace(mixing, outliers=replace(mixing.outliers, rule="share", value=share))


def _share(mixing: Mixing) -> float:
    return 0.0 if mixing.vdpc == "off" else mixing.outliers.value


def run(
    names: Sequence[str] = (),
    board: str = DEFAULT_BOARD,
    *,
    samples: int | None = None,
    device_samples: int = 1,
    chosen: Sequence[Variant] | None = None,
    watcher: Watcher | None = None,
    told: Told = lambda row: None,
    done: Sequence[Row] = (),
) -> list[Row]:
    """Rows of the networks of these names, or of all: every variant, with its place among the others.

    At most `samples` samples judge (None: all of them); `device_samples` run on the board. What is `done` is not
    measured again. Raises UsageError as `plancases.load`.
    """
    watcher = watcher or Silent()
    rows = list(done)
    for case in plancases.load(names, samples):
        with tempfile.TemporaryDirectory(prefix="intarsia-") as scratch:
            bench = _Bench(case, board, device_samples, Path(scratch), watcher)
            for row in bench.rows(chosen or variants(), {_setting(row) for row in done}):
                rows.append(row)
                told(row)
    return marked(rows)


def _setting(row: Row) -> tuple[str, str, float | None, float | None, str]:
    return row.model, row.variant, row.balance, row.outlier_share, row.board


class _Bench:
    """Measures the variants of one network."""

    def __init__(self, case: Case, board: str, device_samples: int, scratch: Path, watcher: Watcher) -> None:
        (scratch / "calib").mkdir()
        self.calib = plancases.resized(case.calib, case.resize, scratch / "calib")
        self.test = plancases.resized(case.test, case.resize, scratch)
        self.case, self.scratch, self.watcher = case, scratch, watcher
        self.board, self.device_samples = boards.load(board), device_samples
        self.original = pipeline.load_model(case.model)
        self.wanted: list[np.ndarray] = []

    @functools.cached_property
    def int8(self) -> Path:
        """The network at 8 bits, with ranges from the samples that the search takes ranges from."""
        graph, path = self.original, self.scratch / "int8.itr"
        if pipeline.needs_quantization(graph):
            kept, _ = precisionplan.divided(self.calib.load(graph))
            graph = quantizing.at_8_bits(graph, kept, Options(), self.watcher)
        modelfile.save(graph, path)
        return path

    def rows(
        self, chosen: Sequence[Variant], done: Set[tuple[str, str, float | None, float | None, str]]
    ) -> Iterator[Row]:
        for number, variant in enumerate(chosen, 1):
            if _setting(self.empty(variant)) in done:
                continue
            self.watcher.note(f"{self.case.name}: {variant.name} ({number} of {len(chosen)})")
            try:
                yield self.row(variant)
            except (BudgetError, GateError) as error:
                yield replace(self.empty(variant), refused=error.message)

    def empty(self, variant: Variant) -> Row:
        """A row without figures."""
        row = Row(self.case.name, variant.name, self.board.name)
        if variant.mixing is None or variant.mixing.method != "vdqs":
            return row
        return replace(row, balance=variant.mixing.balance, outlier_share=_share(variant.mixing))

    def row(self, variant: Variant) -> Row:
        """Makes the model, then runs it on both boards. Raises BudgetError and GateError where it cannot be made."""
        patching = Patching("auto", self.case.input) if variant.patched else Patching("off")
        budget = self.case.budget if variant.patched else replace(self.case.budget, ram=None)
        model, plan = self.scratch / "model.itr", self.scratch / "plan.json"
        pipeline.quantize_file(
            self.int8,
            Recipe(
                calibration=None if variant.mixing is None else self.calib,
                mixing=variant.mixing,
                budget=budget,
                patching=patching,
            ),
            model,
            self.board,
            plan_out=plan,
            watcher=self.watcher,
        )
        few = replace(self.test, limit=self.device_samples)
        planned = Recipe(budget=budget, patching=Patching(file=plan))
        device = pipeline.profile(model, self.board, Request(few), planned, watcher=self.watcher)
        host = pipeline.profile(model, boards.load("host"), Request(self.test), watcher=self.watcher)
        return self.filled(self.empty(variant), modelfile.load(model), device, host)

    def filled(self, row: Row, graph: Graph, device: Run, host: Run) -> Row:
        """The row with all figures."""
        document, plan = device.document(), device.document().plan
        patched = plan is not None and plan["split_after"] is not None
        layers = cost.macs(graph)
        wrong = document.reference.mismatched_outputs + host.document().reference.mismatched_outputs
        metric, accuracy = self.accuracy(graph, host)
        return replace(
            row,
            grid="x".join(map(str, plan["grid"])) if plan and patched else None,
            split_after=plan["split_after"] if plan and patched else None,
            input=plan["input"] if plan and patched else None,
            metric=metric,
            accuracy=round(accuracy, 6),
            accuracy_samples=len(host.measurement.outputs),
            bitops=plan["bitops"] if plan and patched else cost.bitops(cost.bit_products(graph), layers),
            macs=plan["macs"] if plan and patched else sum(layers),
            ram_bytes=document.memory.ram_bytes,
            flash_bytes=document.memory.flash_bytes,
            instructions=document.latency.total,
            device_samples=len(device.measurement.outputs),
            mismatched_outputs=wrong,
        )

    def accuracy(self, graph: Graph, host: Run) -> tuple[str, float]:
        """Top-1 where labels are classes of the output, else the correlation with the original network's outputs."""
        if host.accuracy is not None:
            return host.accuracy.metric, host.accuracy.value
        if not self.wanted:
            dataset = self.test.load(self.original)
            self.watcher.stage("run the original network")
            self.wanted = reals(self.original, batching.outputs(self.original, dataset.inputs))
        found = [np.stack(values) for values in zip(*host.measurement.outputs, strict=True)]
        return CORRELATION, correlation(self.wanted, reals(graph, found))
