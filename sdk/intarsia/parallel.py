# SPDX-License-Identifier: Apache-2.0
"""The same work on several parts at once, in threads: numpy leaves the interpreter to others while it computes.

What comes out does not depend on the number of threads. The library behind numpy's matrix products should keep to one
thread of its own then: where several share the processors they wait for each other, and sums of real numbers depend on
how they are divided.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Part = TypeVar("Part")
Result = TypeVar("Result")

SINGLE = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def keep_libraries_single() -> None:
    """Asks for one thread in libraries that are not loaded yet, unless the environment says otherwise."""
    for name in SINGLE:
        os.environ.setdefault(name, "1")


def over(work: Callable[[Part], Result], parts: Iterable[Part]) -> list[Result]:
    """`work` on every part, in order. Raises what the first part that fails raises."""
    held = list(parts)
    threads = min(len(held), os.cpu_count() or 1)
    if threads < 2:
        return [work(part) for part in held]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, held))
