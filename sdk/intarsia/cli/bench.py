# SPDX-License-Identifier: Apache-2.0
"""`intarsia bench`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Generic, TypeVar

import typer

from intarsia.cli import _console, _options, _output
from intarsia.errors import UsageError

SUITES = ("models", "kernels", "plans", "zoo", "tool")
DEFAULT_SAMPLES = 2


R = TypeVar("R")


class _Rows(Generic[R]):
    """Tells rows as they come, and keeps those so far in a file. Raises UsageError for --resume without one."""

    def __init__(
        self,
        file: Path | None,
        resume: bool,
        console: _console.Console,
        read: Callable[[str], list[R]],
        write: Callable[[Sequence[R]], str],
        line: Callable[[R], str],
    ) -> None:
        if resume and file is None:
            raise UsageError("--resume goes with --csv", hint="name the table to go on with")
        self.file, self.console, self.write, self.line = file, console, write, line
        kept = resume and file is not None and file.is_file()
        self.rows: list[R] = read(file.read_text(encoding="utf-8")) if kept and file is not None else []

    def __call__(self, row: R) -> None:
        self.rows.append(row)
        self.console.note(self.line(row))
        self.keep(self.rows)

    def keep(self, rows: Sequence[R]) -> None:
        """The file gets these rows."""
        if self.file is not None:
            self.file.write_text(self.write(rows), encoding="utf-8")


def command(
    *,
    suite: Annotated[str, typer.Argument(metavar="SUITE", help=f"What to measure: {', '.join(SUITES)}.")],
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Only this network (models, plans, zoo). Repeatable.", show_default=False
        ),
    ] = None,
    operator: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this operator (kernels). Repeatable.", show_default=False),
    ] = None,
    board: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this board. Repeatable.", show_default=False),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Samples of each network's data to run.  [default: 2; with plans all, on the host board]",
            show_default=False,
        ),
    ] = None,
    device_samples: Annotated[
        int, typer.Option(min=1, help="Samples to run on the emulated board (plans).")
    ] = 1,
    balance: Annotated[
        list[float] | None,
        typer.Option("--lambda", metavar="L", help="Of the sweep (plans). Repeatable.", show_default=False),
    ] = None,
    outlier_share: Annotated[
        list[float] | None,
        typer.Option(metavar="SHARE", help="Of the sweep (plans). Repeatable.", show_default=False),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write the rows there, too, as they come (plans, zoo).", show_default=False
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Keep the rows that --csv has, and measure those it lacks (plans, zoo)."
        ),
    ] = False,
    folder: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder of .tflite files (zoo).", show_default="$INTARSIA_DATA/models"
        ),
    ] = None,
    output: _output.Output,
) -> None:
    """Measure whole networks or single layers against the incumbents' figures (models, kernels), or this tool's speed.

    `plans` compares 8 bits with and without patches, all 4 bits and what the search chooses: accuracy on all samples,
    BitOPs, memory, instructions; it can take hours. `zoo` runs every model of a folder: whether it runs, differing
    outputs, accuracy where it is labelled, memory. The networks are third-party files: INTARSIA_DATA names the folder
    that holds models/ and datasets/. The layers of `kernels` have the shapes of real ones, but need no files.
    """
    if suite not in SUITES:
        raise UsageError(f"no benchmark '{suite}'", hint=f"one of {', '.join(SUITES)}")

    from intarsia.bench import kernels, models, plans, plantable, tool, zoo

    with output.console() as console:
        if suite == "tool":
            timings = tool.run()
            console.result(tool.to_json(timings), tool.to_text(timings))
            return
        if suite == "kernels":
            measured = kernels.run(board or kernels.DEFAULT_BOARDS, operators=operator or (), watcher=console)
            console.result(kernels.to_json(measured), kernels.to_text(measured))
            return
        if suite == "plans":
            for value in (*(balance or ()), *(outlier_share or ())):
                _options.share(value, "--lambda and --outlier-share")
            told = _Rows(csv, resume, console, plantable.from_csv, plantable.to_csv, plantable.line)
            rows_of_plans = plans.run(
                model or (),
                (board or [plans.DEFAULT_BOARD])[0],
                samples=samples,
                device_samples=device_samples,
                chosen=plans.variants(balance or plans.BALANCES, outlier_share or plans.OUTLIER_SHARES),
                watcher=console,
                told=told,
                done=tuple(told.rows),
            )
            told.keep(rows_of_plans)
            console.result(plantable.to_json(rows_of_plans), plantable.to_text(rows_of_plans))
            return
        samples = samples or DEFAULT_SAMPLES
        if suite == "zoo":
            told_models = _Rows(csv, resume, console, zoo.from_csv, zoo.to_csv, zoo.line)
            found = zoo.run(
                model or (),
                board or zoo.DEFAULT_BOARDS,
                folder=folder,
                samples=samples,
                watcher=console,
                told=told_models,
                done=tuple(told_models.rows),
            )
            told_models.keep(found)
            console.result(zoo.to_json(found), zoo.to_text(found))
            return
        rows = models.run(model or (), board or models.DEFAULT_BOARDS, samples=samples, watcher=console)
        console.result(models.to_json(rows), models.to_text(rows))
