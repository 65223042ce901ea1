# SPDX-License-Identifier: Apache-2.0
"""Options about what is said, of every command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from intarsia.cli._console import Console

Verbose = Annotated[
    int, typer.Option("--verbose", "-v", count=True, help="Tell what each stage takes.", show_default=False)
]
Quiet = Annotated[int, typer.Option("--quiet", "-q", count=True, help="Say less.", show_default=False)]
Progress = Annotated[bool, typer.Option("--progress/--no-progress", help="Tell the progress on stderr.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@dataclass(frozen=True)
class Speech:
    """How much a command says that has no result for programs."""

    verbose: Verbose = 0
    quiet: Quiet = 0

    def console(self) -> Console:
        """Where it says it."""
        return Console(self.verbose, self.quiet)


@dataclass(frozen=True)
class Output:
    """How a command prints its result, and how much it says beside it."""

    as_json: Json = False
    verbose: Verbose = 0
    quiet: Quiet = 0
    progress: Progress = True

    def console(self) -> Console:
        """Where it says it."""
        return Console(self.verbose, self.quiet, self.progress, self.as_json)
