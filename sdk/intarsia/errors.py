# SPDX-License-Identifier: Apache-2.0
"""Errors that reach a person: what went wrong and where, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class IntarsiaError(Exception):
    """Base of every error Intarsia raises on purpose.

    `hint` tells the user what to do; `exit_code` is what the command line exits with.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class StageError(IntarsiaError):
    """A stage failed: a build, a run, a device that does not answer."""

    exit_code = 1


class Interrupted(IntarsiaError):
    """The user stopped it."""

    exit_code = 130


class UsageError(IntarsiaError):
    """Wrong arguments or bad input files."""

    exit_code = 2


class ModelError(UsageError):
    """A model file that is malformed or uses what is not supported."""


class GateError(IntarsiaError):
    """A limit the user asked for (accuracy, latency, size, exactness) was not met."""

    exit_code = 3


class BudgetError(GateError):
    """The firmware does not fit the memory it was given."""

    @classmethod
    def of(cls, lacks: Mapping[str, Sequence[str]], *, smallest: bool) -> BudgetError:
        """What is said of each kind of memory that does not suffice; `smallest`: there are no smaller kernels."""
        kinds = " and ".join(lacks)
        hint = f"choose a board with more {kinds}, or a smaller model"
        if "flash" in lacks and not smallest:
            hint += "; --optimize size takes the smallest kernels"
        return cls("\n  ".join(f"{kind}: {said}" for kind in lacks for said in lacks[kind]), hint=hint)


class EnvironmentMissing(IntarsiaError):
    """A tool, probe or port is missing."""

    exit_code = 4
