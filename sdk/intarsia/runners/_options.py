# SPDX-License-Identifier: Apache-2.0
"""Strict reading of TOML tables: an unknown key is an error that names the nearest known one."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from intarsia.errors import UsageError


class StrictTable(BaseModel):
    """A table whose keys and types are taken literally."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Table = TypeVar("Table", bound=StrictTable)


def parse_table(model: type[Table], data: Mapping[str, Any], where: str) -> Table:
    """Validate `data`, found in `where`; raises UsageError for the first thing that is wrong."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        # Unknown keys first: a misspelt key is both unknown and missing, and only the former has a remedy.
        first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
        location: tuple[str | int, ...] = first["loc"]
        key = ".".join(str(part) for part in location)
        if first["type"] == "extra_forbidden":
            known = _keys_beside(model, location)
            raise UsageError(
                f"{where}: unknown key '{key}'", hint=did_you_mean(str(location[-1]), known)
            ) from None
        if first["type"] == "missing":
            raise UsageError(f"{where}: key '{key}' is missing", hint=f"add '{key}'") from None
        raise UsageError(f"{where}: '{key}': {first['msg']}", hint=f"correct the value of '{key}'") from None


def did_you_mean(word: str, known: list[str]) -> str:
    """A hint that offers the nearest of `known`, or all of them."""
    close = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(sorted(known))}"


def _keys_beside(model: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    for part in location[:-1]:
        if isinstance(part, int):
            continue
        inner = _table_in(model.model_fields[part].annotation)
        if inner is None:
            return []
        model = inner
    return list(model.model_fields)


def _table_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = _table_in(argument)
        if found is not None:
            return found
    return None
