# SPDX-License-Identifier: Apache-2.0
"""What it means that two implementations agree: equal bytes for integers, a stated bound for floats."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from intarsia.ir import Graph

FLOAT_RTOL = 2e-5
FLOAT_ATOL = 2e-5
"""Sums of up to a few hundred float32 products in different orders stay within this."""


def assert_agree(graph: Graph, got: Sequence[np.ndarray], want: Sequence[np.ndarray], who: str) -> None:
    """Raises AssertionError that shows the graph, the first difference and how many there are."""
    for index, (a, b) in enumerate(zip(got, want, strict=True)):
        b = b.reshape(a.shape)
        if a.dtype.kind == "f":
            scale = float(np.max(np.abs(b[np.isfinite(b)]), initial=1.0))
            same = np.isclose(a, b, rtol=FLOAT_RTOL, atol=FLOAT_ATOL * scale, equal_nan=True)
        else:
            same = a == b
        if not same.all():
            place = tuple(int(i) for i in np.argwhere(~same)[0])
            raise AssertionError(
                f"{who}: {int((~same).sum())} of {a.size} values of output {index} differ, first at {place}: "
                f"{a[place]} instead of {b[place]}\n{describe(graph)}"
            )


def describe(graph: Graph) -> str:
    """The graph in a few lines, for failure messages."""
    lines = [f"{node.op} {node.attrs}" for node in graph.nodes]
    lines += [f"  {t.name} {t.dtype.name}{list(t.shape)} {t.quant or ''}" for t in graph.tensors]
    return "\n".join(lines)
