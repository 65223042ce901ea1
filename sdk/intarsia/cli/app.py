# SPDX-License-Identifier: Apache-2.0
"""The program `intarsia`: its verbs, and what happens when something goes wrong."""

from __future__ import annotations

import importlib
import shlex
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

import intarsia
from intarsia import parallel
from intarsia.cli import _console, _failure, _groups

VERBS = (
    "doctor",
    "boards",
    "devices",
    "analyze",
    "quantize",
    "generate",
    "build",
    "flash",
    "run",
    "monitor",
    "validate",
    "profile",
    "report",
    "compare",
    "diff",
    "bench",
)
"""In the order of `--help`; each is a module of this folder."""

HELP = """Puts neural networks on microcontrollers and measures them there.

Start with `intarsia doctor`, then `intarsia profile MODEL --board host`.

Exit codes: 0 done, 1 a stage failed, 2 wrong arguments or input, 3 a limit was not met, 4 a tool,
probe or port is missing, 130 interrupted.
"""


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"intarsia {intarsia.__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def application() -> typer.Typer:
    """All verbs."""
    app = typer.Typer(
        name="intarsia",
        help=HELP,
        no_args_is_help=True,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    )
    app.callback()(_root)
    for verb in VERBS:
        app.command(verb)(_groups.expanded(importlib.import_module(f"intarsia.cli.{verb}").command))
    return app


def run(arguments: Sequence[str]) -> int:
    """Runs one command line; returns the exit code."""
    _console.settings.command = shlex.join(("intarsia", *arguments))
    with _failure.reported() as outcome:
        command = typer.main.get_command(application())
        outcome.code = command.main(list(arguments), prog_name="intarsia", standalone_mode=False) or 0
        if outcome.code == _failure.INTERRUPTED:
            raise KeyboardInterrupt
    return outcome.code


def main() -> None:
    """Entry point of the installed program."""
    parallel.keep_libraries_single()
    sys.exit(run(sys.argv[1:]))
