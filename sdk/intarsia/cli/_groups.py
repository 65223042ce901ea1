# SPDX-License-Identifier: Apache-2.0
"""Options that go together: a dataclass whose fields are options, taken by several commands."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import typing
from collections.abc import Callable, Iterator
from inspect import Parameter
from typing import Any


def expanded(command: Callable[..., None]) -> Callable[..., None]:
    """The command with every parameter that is a dataclass replaced by the fields of it, each an option of its own."""
    parameters = inspect.signature(command, eval_str=True).parameters
    groups: dict[str, Any] = {
        name: p.annotation for name, p in parameters.items() if dataclasses.is_dataclass(p.annotation)
    }
    fields = {name: [field.name for field in dataclasses.fields(group)] for name, group in groups.items()}

    @functools.wraps(command)
    def call(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{field: given.pop(field) for field in fields[name]})
        command(**given)

    options = [option for p in parameters.values() for option in _options(p, groups)]
    call.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    call.__annotations__ = {option.name: option.annotation for option in options}
    return call


def _options(parameter: Parameter, groups: dict[str, Any]) -> Iterator[Parameter]:
    if parameter.name not in groups:
        yield parameter.replace(kind=Parameter.KEYWORD_ONLY)
        return
    group = groups[parameter.name]
    hints = typing.get_type_hints(group, include_extras=True)
    for field in dataclasses.fields(group):
        default = Parameter.empty if field.default is dataclasses.MISSING else field.default
        yield Parameter(field.name, Parameter.KEYWORD_ONLY, default=default, annotation=hints[field.name])
