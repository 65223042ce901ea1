# SPDX-License-Identifier: Apache-2.0
"""A view of a board at work, as a table that a terminal can keep up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from intarsia.report.text import number, safe, shorten

if TYPE_CHECKING:
    from rich.console import RenderableType

    from intarsia.monitor import View


def view(seen: View) -> RenderableType:
    """Who, what each layer takes, and what the device says about itself."""
    identity = seen.identity
    title = f"{safe(identity.model)} on {safe(identity.board)}, arena {identity.arena_bytes:,} bytes"
    parts: list[RenderableType] = [Text(title, style="bold")]
    rows = seen.rows()
    if rows:
        parts.append(_layers(seen, rows))
    elif identity.unit == "none" or not identity.profiled:
        parts.append(Text("it does not count what layers take"))
    else:
        parts.append(Text("it has not run yet"))
    parts.append(Text(_state(seen)))
    return Group(*parts)


def _layers(seen: View, rows: list[tuple[int, str, str, int, int, int, int]]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("#", justify="right")
    for heading in ("operator", "name") if seen.layers else ():
        table.add_column(heading)
    for heading in (f"{seen.identity.unit}, last", "median", "least", "most", "share"):
        table.add_column(heading, justify="right")
    total = max(sum(row[4] for row in rows), 1)
    for index, op, name, *counts in rows:
        names = [safe(op), shorten(name)] if seen.layers else []
        share = f"{100 * counts[1] / total:.1f}%"
        table.add_row(str(index), *names, *(number(count) for count in counts), share)
    sums = [sum(counts) for counts in seen.counts]
    all_layers = ["all layers", ""] if seen.layers else []
    table.add_row(
        "", *all_layers, number(sums[-1]), number(total), number(min(sums)), number(max(sums)), "100.0%"
    )
    return table


def _state(seen: View) -> str:
    texts = []
    if seen.rate is not None:
        texts.append(
            f"{seen.inferences:,} inferences from here, {seen.rate:.2f} a second with the way there and back"
        )
    if seen.status is not None:
        stack = "unknown" if seen.status.stack_bytes is None else f"{seen.status.stack_bytes:,} bytes"
        since = f"{seen.status.inferences:,} inferences, {seen.status.damaged:,} damaged frames"
        texts.append(f"the device since its start, when last asked: {since}, most stack {stack}")
    if seen.faults:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(seen.faults.items()))
        texts.append(f"on the way, all repaired: {kinds}")
    return "\n".join(texts)
