# SPDX-License-Identifier: Apache-2.0
"""Two runs side by side, and limits on what may have changed."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from intarsia.errors import UsageError
from intarsia.report.document import Document
from intarsia.report.text import number, safe, table
from intarsia.runners._options import did_you_mean

SCHEMA, SCHEMA_VERSION = "intarsia.comparison", 1

METRICS: dict[str, Callable[[Document], float | None]] = {
    "latency": lambda run: run.latency.total,
    "ram": lambda run: run.memory.ram_bytes,
    "flash": lambda run: run.memory.flash_bytes,
    "arena": lambda run: run.memory.arena_bytes,
    "stack": lambda run: run.memory.stack_bytes,
    "weights": lambda run: run.memory.weights_bytes,
    "code": lambda run: run.memory.code_bytes,
    "accuracy": lambda run: run.accuracy.value if run.accuracy else None,
}
_OPERATORS = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}
_CONDITION = re.compile(r"\s*(\w+)\s*(>=|<=|>|<)\s*([+-]?\d+(?:\.\d+)?)\s*([%KM]?)\s*")
_FACTORS = {"": 1.0, "K": 1024.0, "M": 1048576.0}


@dataclass(frozen=True)
class Condition:
    """Fails a comparison: the change of `metric` from A to B, absolute or in percent of A, and its limit."""

    text: str
    metric: str
    relation: str
    limit: float
    percent: bool


@dataclass(frozen=True)
class Change:
    """One metric of two runs, in `unit`; `before` or `after` is None where a run does not have it.

    `obstacle` says why the two cannot be compared (None: they can).
    """

    metric: str
    unit: str
    before: float | None
    after: float | None
    obstacle: str | None = None

    @property
    def absolute(self) -> float | None:
        if self.before is None or self.after is None or self.obstacle:
            return None
        return self.after - self.before

    @property
    def percent(self) -> float | None:
        difference = self.absolute
        if difference is None:
            return None
        if not self.before:
            return 0.0 if not difference else None
        return 100.0 * difference / self.before


@dataclass(frozen=True)
class Comparison:
    """Changes of all metrics, and the conditions that hold and so fail the comparison."""

    names: tuple[str, str]
    changes: tuple[Change, ...]
    failed: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The document of schema `intarsia.comparison`."""
        return {
            "schema": SCHEMA,
            "schema_version": SCHEMA_VERSION,
            "a": self.names[0],
            "b": self.names[1],
            "metrics": [
                {**asdict(change), "absolute": change.absolute, "percent": change.percent}
                for change in self.changes
            ],
            "failed": list(self.failed),
        }


def parse_condition(text: str) -> Condition:
    """A condition such as `latency>+5%`, `flash>2K` or `accuracy<-0.01`. Raises UsageError."""
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise UsageError(
            f"'{text}' is not a condition",
            hint="METRIC > or < CHANGE, as in 'latency>+5%' or 'accuracy<-0.01'",
        )
    metric, relation, value, suffix = match.groups()
    if metric not in METRICS:
        raise UsageError(f"unknown metric '{metric}' in '{text}'", hint=did_you_mean(metric, list(METRICS)))
    percent = suffix == "%"
    return Condition(text, metric, relation, float(value) * (1.0 if percent else _FACTORS[suffix]), percent)


def compare(a: Document, b: Document, conditions: list[Condition], names: tuple[str, str]) -> Comparison:
    """Compares two runs. Raises UsageError when a condition asks for what the runs do not have."""
    changes = {metric: _change(metric, a, b) for metric in METRICS}
    failed = [c.text for c in conditions if _holds(c, changes[c.metric])]
    return Comparison(names, tuple(changes.values()), tuple(failed))


def _change(metric: str, a: Document, b: Document) -> Change:
    before, after = METRICS[metric](a), METRICS[metric](b)
    unit, obstacle = "bytes", None
    if metric == "latency":
        unit = a.latency.unit if a.latency.unit == b.latency.unit else f"{a.latency.unit}, {b.latency.unit}"
        if a.latency.unit != b.latency.unit:
            obstacle = f"{a.board} and {b.board} count differently"
    if metric == "accuracy":
        unit = (
            ", ".join(dict.fromkeys(f"{s.metric} of {s.samples}" for s in (a.accuracy, b.accuracy) if s))
            or "-"
        )
        if "," in unit:
            obstacle = f"they come from different samples ({unit})"
    if obstacle is None and (before is None or after is None):
        obstacle = f"{'A' if before is None else 'B'} does not have it"
    return Change(metric, unit, before, after, obstacle)


def _holds(condition: Condition, change: Change) -> bool:
    if change.absolute is None:
        raise UsageError(
            f"'{condition.text}' cannot be checked: {change.obstacle}", hint="leave the condition out"
        )
    value = change.percent if condition.percent else change.absolute
    if value is None:
        raise UsageError(
            f"'{condition.text}' cannot be checked: {condition.metric} of A is 0", hint="leave % out"
        )
    return bool(_OPERATORS[condition.relation](value, condition.limit))


def report(comparison: Comparison) -> str:
    """A table of all metrics."""
    rows = [
        [change.metric, safe(change.unit), value(change.before), value(change.after), *difference(change)]
        for change in comparison.changes
    ]
    lines = [f"A {comparison.names[0]}", f"B {comparison.names[1]}", ""]
    return "\n".join(lines + table(("metric", "unit", "A", "B", "change", ""), rows, "<<>>>>"))


def value(figure: float | None) -> str:
    """A figure of either run, a dash where there is none."""
    return number(figure) if figure is None or float(figure).is_integer() else f"{figure:.4f}"


def difference(change: Change) -> tuple[str, str]:
    """The change itself and in percent; a dash and nothing where there is none."""
    absolute, percent = change.absolute, change.percent
    plain = (
        "-"
        if absolute is None
        else (f"{absolute:+,}" if float(absolute).is_integer() else f"{absolute:+.4f}")
    )
    return plain, "" if percent is None else f"{percent:+.1f}%"
