# SPDX-License-Identifier: Apache-2.0
"""Plans as JSON: `plan.json` may come from anywhere."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from intarsia.errors import UsageError
from intarsia.plan.plan import SCHEMA, SCHEMA_VERSION, Plan

MAX_BYTES = 64 << 20
_AGAIN = "make the plan again"


@cache
def _adapter() -> TypeAdapter[Plan]:
    return TypeAdapter(Plan)


def from_json(document: Any) -> Plan:
    """Inverse of `Plan.to_json`. Raises UsageError, naming the field, for what is not a plan or contradicts itself."""
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise UsageError("not a plan", hint="plans are written by `intarsia quantize --save-plan`")
    if document.get("schema_version") != SCHEMA_VERSION:
        raise UsageError(f"plan of version {document.get('schema_version')}; {SCHEMA_VERSION} is supported")
    fields = {key: value for key, value in document.items() if key not in ("schema", "schema_version")}
    try:
        plan = _adapter().validate_json(json.dumps(fields), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the document"
        raise UsageError(f"damaged plan: {where}: {first['msg']}", hint=_AGAIN) from None
    except ValueError as error:
        raise UsageError(f"damaged plan: {error}", hint=_AGAIN) from None
    fault = _contradiction(plan)
    if fault is not None:
        raise UsageError(f"damaged plan: {fault}", hint=_AGAIN)
    return plan


def load(path: Path) -> Plan:
    """Reads plan.json. Raises UsageError."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"{path} is larger than {MAX_BYTES:,} bytes", hint="give a plan.json")
        return from_json(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON: {error}") from None
    except UsageError as error:
        raise UsageError(f"{path}: {error.message}", hint=error.hint) from None


def save(plan: Plan, path: Path) -> None:
    """Writes plan.json."""
    path.write_text(to_text(plan), encoding="utf-8")


def to_text(plan: Plan) -> str:
    """What plan.json holds."""
    return json.dumps(plan.to_json(), indent=1) + "\n"


def _contradiction(plan: Plan) -> str | None:
    """What does not fit together in a plan whose fields are all well formed."""
    rows, columns = plan.grid
    places = [(branch.row, branch.column) for branch in plan.branches]
    outliers = plan.outliers
    if not plan.patched:
        if plan.branches or outliers or plan.grid != (1, 1) or any(m.scope != "rest" for m in plan.maps):
            return "it has patches and no split"
        return None
    if len(places) != rows * columns or places != [(r, c) for r in range(rows) for c in range(columns)]:
        return f"branches: {len(places)} do not make a grid of {rows}x{columns}, row by row"
    for number, branch in enumerate(plan.branches):
        for name, box in (("input", branch.input), ("output", branch.output)):
            if any(low >= high for low, high in box):
                return f"branches.{number}.{name}: an empty range"
    classes = [branch.kind == "outlier" for branch in plan.branches]
    if sum(classes) != plan.outlier_patches:
        return f"outlier_patches: {plan.outlier_patches}, but {sum(classes)} branches are outliers"
    if outliers is None:
        both = any(classes) or any(m.scope == "outlier" for m in plan.maps)
        return "outliers: missing, but there are classes" if both else None
    if len(outliers.shares) != len(classes) or [share > 0.5 for share in outliers.shares] != classes:
        return "outliers.shares: they do not fit the classes of the branches"
    if (outliers.form == "dynamic") != (outliers.rule is not None):
        return "outliers.rule: there is one when the form is dynamic, and only then"
    if outliers.rule is None and any(share not in (0.0, 1.0) for share in outliers.shares):
        return "outliers.shares: with static classes a patch is an outlier or not"
    if outliers.rule and (len(outliers.rule.allowed) != len(classes) or min(outliers.rule.allowed) < 0):
        return "outliers.rule.allowed: not one number for each branch"
    return None
