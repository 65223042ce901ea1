# SPDX-License-Identifier: Apache-2.0
"""Rows of a benchmark as CSV: a column for each field of their dataclass, empty where there is nothing."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from intarsia.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    R = TypeVar("R", bound=DataclassInstance)
else:
    R = TypeVar("R")


def write(kind: type[R], rows: Sequence[R]) -> str:
    """A line of names and one for each row; tuples of words are joined by blanks."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    names = [field.name for field in dataclasses.fields(kind)]
    writer.writerow(names)
    for row in rows:
        values = [getattr(row, name) for name in names]
        writer.writerow("" if v is None else " ".join(v) if isinstance(v, tuple) else v for v in values)
    return stream.getvalue()


def read(kind: type[R], content: str, what: str) -> list[R]:
    """The rows of `write`; `what` they are, for messages. Raises UsageError when it is something else."""
    reader = csv.DictReader(io.StringIO(content))
    if reader.fieldnames != [field.name for field in dataclasses.fields(kind)]:
        raise UsageError(f"no table of {what}: its columns have other names", hint="give a file of --csv")
    try:
        return [
            kind(**{f.name: _value(entry[f.name], str(f.type)) for f in dataclasses.fields(kind)})
            for entry in reader
        ]
    except (ValueError, TypeError, AttributeError) as error:
        raise UsageError(f"the table of {what} is damaged: {error}", hint="measure again") from None


def _value(written: str, kind: str) -> Any:
    if kind.startswith("tuple"):
        return tuple(written.split())
    if not written and kind.endswith("None"):
        return None
    return (int if kind.startswith("int") else float if kind.startswith("float") else str)(written)
