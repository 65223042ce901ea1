# SPDX-License-Identifier: Apache-2.0
"""What layers do to memory, and the arena that this takes: buffers `t<tensor>` and `s<layer>`.

A class of patches that runs the same layers again adds its scope to the names of scratch.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from intarsia.ir import Node
from intarsia.kernelcall import Alias, KernelCall
from intarsia.plan import memory

ALIGNMENT = 16


@dataclass(frozen=True)
class Task:
    """One layer: feature maps that it reads and writes, and its scratch in bytes (None: it takes none).

    `inplace` are (source, target) tensors that may share memory, `views` those that are the same bytes.
    """

    layer: int
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    scratch: int | None = None
    inplace: tuple[tuple[int, int], ...] = ()
    views: tuple[tuple[int, int], ...] = ()
    scope: str = ""


Use = tuple[int | None, tuple[tuple[int, int], ...]]
"""Scratch in bytes and in-place pairs (input position, output position) of the kernel that was chosen for a call."""


def portable(call: KernelCall) -> Use:
    """Needs of the portable kernel."""
    return call.scratch, call.inplace


def task(
    layer: int,
    calls: Sequence[KernelCall],
    uses: Sequence[Use],
    aliases: Sequence[Alias],
    node: Node | None = None,
) -> Task:
    """What a layer does to memory; `node` adds operands that no call mentions. Only a layer of one call works in place,
    and not on an operand that it reads twice."""
    inplace = [
        (calls[0].inputs[a], calls[0].outputs[b])
        for a, b in (uses[0][1] if len(calls) == 1 else ())
        if calls[0].inputs.count(calls[0].inputs[a]) == 1
    ]
    scratch = [use[0] for use in uses if use[0] is not None]
    return Task(
        layer,
        node.inputs if node else (*(t for c in calls for t in c.inputs), *(a.source for a in aliases)),
        node.outputs if node else (*(t for c in calls for t in c.outputs), *(a.target for a in aliases)),
        max(scratch) if scratch else None,
        tuple(inplace),
        tuple((a.source, a.target) for a in aliases),
    )


@dataclass(frozen=True)
class Lifetimes:
    """What is alive without being touched: `inputs` are written at step 0, `outputs` are read at the end, `held` maps
    tensors to the (first, last) step in which they must keep their place. Task i runs at step i + 1."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    held: Mapping[int, tuple[int, int]] = field(default_factory=dict)

    def without(self, outside: Collection[int]) -> Lifetimes:
        """Those of the other tensors."""
        inputs, outputs = (tuple(t for t in ts if t not in outside) for ts in (self.inputs, self.outputs))
        return Lifetimes(inputs, outputs, {t: steps for t, steps in self.held.items() if t not in outside})


def _without(task: Task, outside: Collection[int]) -> Task:
    def inside(pairs: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
        return tuple(pair for pair in pairs if not set(pair).intersection(outside))

    writes = tuple(t for t in task.writes if t not in outside)
    return replace(task, writes=writes, inplace=inside(task.inplace), views=inside(task.views))


def plan(
    tasks: Sequence[Task],
    lifetimes: Lifetimes,
    size: Callable[[int], int],
    fixed: Sequence[memory.Share] = (),
    outside: Collection[int] = (),
) -> tuple[tuple[memory.Buffer, ...], memory.Placement]:
    """Buffers and their places; `size` gives the bytes of a tensor, `fixed` are shares beside those of the tasks, and
    tensors `outside` lie in other memory, which nothing shares."""
    tasks, lifetimes = [_without(task, outside) for task in tasks], lifetimes.without(outside)
    found = buffers(tasks, lifetimes, size)
    return found, memory.plan(found, [*fixed, *shares(tasks)])


def buffers(
    tasks: Sequence[Task], lifetimes: Lifetimes, size: Callable[[int], int]
) -> tuple[memory.Buffer, ...]:
    """Feature maps, then scratch."""
    end = len(tasks) + 1
    written = dict.fromkeys(lifetimes.inputs, 0) | {t: first for t, (first, _) in lifetimes.held.items()}
    read: dict[int, int] = dict.fromkeys(lifetimes.outputs, end)
    for step, task in enumerate(tasks, 1):
        written |= {t: min(written.get(t, step), step) for t in task.writes}
        for tensor in task.reads:
            if tensor in written:
                read[tensor] = max(read.get(tensor, 0), step)
    for tensor, (_, last) in lifetimes.held.items():
        read[tensor] = max(read.get(tensor, last), last)
    maps = [
        memory.Buffer(f"t{t}", size(t), first, max(read.get(t, first), first), ALIGNMENT)
        for t, first in written.items()
    ]
    scratch = [
        memory.Buffer(f"s{task.layer}{task.scope}", task.scratch, step, step, ALIGNMENT)
        for step, task in enumerate(tasks, 1)
        if task.scratch is not None
    ]
    return (*maps, *scratch)


def shares(tasks: Sequence[Task]) -> list[memory.Share]:
    """Memory that layers may share: views always do, in-place kernels may."""
    found = []
    for task in tasks:
        found += [memory.Share(f"t{a}", f"t{b}", optional=False) for a, b in task.views]
        found += [memory.Share(f"t{a}", f"t{b}") for a, b in task.inplace]
    return found
