# SPDX-License-Identifier: Apache-2.0
"""Branches as C text: one call per layer, and small tables of what differs between rows and columns of patches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from intarsia.kernelcall import KernelCall, Param
from intarsia.plan.head import Tiling

Grid = tuple[int, int]
Place = tuple[int, int]


@dataclass(frozen=True)
class Table:
    """A constant array of the branches, indexed by what its values depend on."""

    name: str
    values: np.ndarray
    index: str

    @property
    def definition(self) -> str:
        extents = "".join(f"[{n}]" for n in self.values.shape)
        return f"static const {_type(self.values)} {self.name}{extents} = {_braces(self.values)};"


@dataclass(frozen=True)
class BranchCall:
    """How a call gets the parameters of its branch: tables, and assignments to a copy `p` of the first branch's."""

    tables: tuple[Table, ...]
    assignments: tuple[str, ...]


def branch_call(call: KernelCall, label: str, grid: Grid, places: Sequence[Place]) -> BranchCall:
    """Tables of the parameters that differ between branches at some places of a grid."""
    shaped = {name: _Spread(grid, places, values) for name, values in _fields(call.variants).items()}
    tables, assignments = [], []
    for kind, index in _INDEX.items():
        names = [name for name, spread in shaped.items() if spread.kind == kind]
        if not names:
            continue
        stacked = np.stack([shaped[name].reduced for name in names], axis=-1)
        table = Table(f"{label}_{kind}", stacked, index)
        tables.append(table)
        assignments += [f"p.{name} = {table.name}{table.index}[{i}];" for i, name in enumerate(names)]
    return BranchCall(tuple(tables), tuple(assignments))


class _Spread:
    """Values of one parameter over a grid of which only some places are asked for."""

    def __init__(self, grid: Grid, places: Sequence[Place], values: Sequence[int]) -> None:
        self.low, self.high = np.full(grid, _MOST), np.full(grid, -_MOST)
        for place, value in zip(places, values, strict=True):
            self.low[place] = self.high[place] = value

    @property
    def kind(self) -> str | None:
        """What the values depend on; None when they are all the same."""
        if self.low.min() >= self.high.max():
            return None
        by_row, by_column = ((self.low.min(axis) >= self.high.max(axis)).all() for axis in (1, 0))
        return "rows" if by_row else "columns" if by_column else "patches"

    @property
    def reduced(self) -> np.ndarray:
        """The values by what they depend on, 0 where none is asked for."""
        axis = {"rows": 1, "columns": 0}.get(self.kind or "")
        found = self.high if axis is None else self.high.max(axis)
        values: np.ndarray = np.where(found == -_MOST, 0, found)
        return values


def patch_table(name: str, grid: Grid, values: Sequence[int]) -> Table:
    """One value for each patch, row by row."""
    return Table(name, np.array(values, np.int64).reshape(grid), _INDEX["patches"])


def window_tables(tiling: Tiling, tensor: int) -> tuple[Table, Table]:
    """First row and height, first column and width of what each row and column of patches reads of a feature map."""
    rows, columns = (
        np.array([(window[tensor].low, window[tensor].size) for window in windows], np.int64)
        for windows in (tiling.rows, tiling.columns)
    )
    return Table("read_rows", rows, _INDEX["rows"]), Table("read_columns", columns, _INDEX["columns"])


_MOST = 1 << 40
_INDEX = {"rows": "[row]", "columns": "[column]", "patches": "[row][column]"}


def _fields(variants: Sequence[Mapping[str, Param]]) -> dict[str, list[int]]:
    """Values per branch of every member, members of arrays one by one, that is not the same everywhere."""
    found: dict[str, list[int]] = {}
    for name, value in variants[0].items():
        values = [variant[name] for variant in variants]
        if isinstance(value, tuple):
            for i in range(len(value)):
                found[f"{name}[{i}]"] = [_integer(v[i]) for v in values if isinstance(v, tuple)]
        elif any(v != value for v in values):
            found[name] = [_integer(v) for v in values]
    return found


def _integer(value: object) -> int:
    """Extents, strides and borders are integers; nothing else may differ between branches."""
    if not isinstance(value, int):
        raise TypeError(f"a parameter of {value!r} cannot differ between branches")
    return value


def _type(values: np.ndarray) -> str:
    """The smallest C type that holds all values."""
    for kind, c_type in ((np.int8, "int8_t"), (np.int16, "int16_t")):
        if np.iinfo(kind).min <= values.min() and values.max() <= np.iinfo(kind).max:
            return c_type
    return "int32_t"


def _braces(values: np.ndarray) -> str:
    if values.ndim == 0:
        return str(int(values))
    return "{" + ", ".join(_braces(v) for v in values) + "}"
