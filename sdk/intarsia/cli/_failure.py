# SPDX-License-Identifier: Apache-2.0
"""Turns whatever goes wrong into `error:` and `hint:` lines and an exit code."""

from __future__ import annotations

import contextlib
import difflib
import os
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import typer

from intarsia.cli import _console
from intarsia.errors import IntarsiaError

USAGE, INTERNAL, INTERRUPTED = 2, 1, 130


@dataclass
class Outcome:
    """What the program exits with."""

    code: int = 0


@contextlib.contextmanager
def reported() -> Iterator[Outcome]:
    """Catches every error of the block, says what happened, and sets the exit code."""
    outcome = Outcome()
    try:
        yield outcome
        sys.stdout.flush()
    except IntarsiaError as error:
        _say(error.message, error.hint)
        outcome.code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        _say("interrupted", None)
        outcome.code = INTERRUPTED
    except BrokenPipeError:
        _close_stdout()
        outcome.code = INTERNAL
    except Exception as error:
        outcome.code = _unexpected(error)


def _unexpected(error: Exception) -> int:
    if hasattr(error, "format_message"):
        _say(*_usage(error))
        return USAGE
    if _console.settings.verbosity > 0:
        traceback.print_exc()
    _say(
        f"internal: {type(error).__name__}: {error}", "run it again with -v for the details, and report them"
    )
    return INTERNAL


def _say(message: str, hint: str | None) -> None:
    """Writes to stderr, whatever its encoding is; a closed stderr is no reason to fail."""
    with contextlib.suppress(OSError):
        print(_console.paint("error:", "31"), _console.printable(message), file=sys.stderr)
        if hint:
            print(_console.paint("hint:", "36"), _console.printable(hint), file=sys.stderr)


def _close_stdout() -> None:
    """Nobody reads any more: what is still buffered goes nowhere, also at exit."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _usage(error: Any) -> tuple[str, str]:
    """(message, hint) of an error that typer has found in the arguments."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "intarsia"
    hint = f"`{path} --help` tells how it is used"
    if type(error).__name__ == "NoArgsIsHelpError":
        return "no command given", hint
    text = error.message if hasattr(error, "possibilities") else error.format_message()
    message = " ".join(text.split())
    message = message[:1].lower() + message[1:].removesuffix(".")
    word, known = _mistaken(error, context, message)
    if close := difflib.get_close_matches(word, known, n=3, cutoff=0.6):
        return message.split(". Did you mean")[0], f"did you mean {' or '.join(close)}?"
    return message, hint


def _mistaken(error: Any, context: Any, message: str) -> tuple[str, list[str]]:
    """The word that is wrong and the words that would be right there."""
    if hasattr(error, "possibilities"):
        names = [name for parameter in context.command.params for name in parameter.opts] if context else []
        return str(error.option_name), names
    commands = getattr(context.command, "commands", None) if context else None
    if commands and "command" in message and message.count("'") >= 2:
        return message.split("'")[1], list(commands)
    return "", []
