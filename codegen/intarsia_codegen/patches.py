# SPDX-License-Identifier: Apache-2.0
"""The layers that run patch by patch: one kernel per layer and class, called with each branch's parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from intarsia.errors import UsageError
from intarsia.ir import Graph
from intarsia.kernelcall import KernelCall
from intarsia.plan import arena, lowering, patch
from intarsia.plan.lowering import Stage1, Stages
from intarsia.plan.plan import Plan
from intarsia_codegen.arm.emission import EXTENT
from intarsia_codegen.program import Layer
from intarsia_codegen.select import Choose, Chosen

GEOMETRY = (*EXTENT, "size", "runs", "count")
"""Parameters that say how much of a map there is, which kernels take from the branch."""


def lower(graph: Graph, plan: Plan) -> Stages:
    """Kernel calls of the layers before the split. Raises UsageError when the plan is not for this graph."""
    tiling = patch.tiling(graph, plan)
    try:
        return lowering.stages(tiling)
    except ValueError as error:
        raise UsageError(
            f"'{graph.name}' cannot run by this plan: {error}", hint="leave the patches to the model"
        ) from None


def layers(stages: Stages, choose_of: Callable[[int], Choose], name: str) -> tuple[tuple[Layer, ...], ...]:
    """The layers of each class with the kernels chosen for them. Calls that differ between classes in nothing but the
    extents of their branches have one kernel."""
    found: list[list[Layer]] = [[] for _ in stages.forms]
    for several in zip(*(form.layers for form in stages.forms), strict=True):
        choose, common = choose_of(several[0].layer), _common([calls.calls for calls in several])
        shared: dict[int, Chosen] = {}
        for form, calls, made in zip(stages.forms, several, found, strict=True):
            label = f"{'outlier_' if form.scope else ''}layer{calls.layer}"
            kernels = []
            for k, call in enumerate(calls.calls):
                stem = f"{name}_{label}_{k}" if len(calls.calls) > 1 else f"{name}_{label}"
                if k in common:
                    if k not in shared:
                        shared[k] = choose(common[k], stem)
                    kernels.append(_serving(shared[k], call))
                else:
                    kernels.append(choose(call, stem))
            node = form.tiling.head.nodes[calls.layer]
            made.append(
                Layer(calls.layer, node, calls.macs, tuple(kernels), calls.aliases, label, form.scope)
            )
    return tuple(map(tuple, found))


def _common(forms: Sequence[Sequence[KernelCall]]) -> dict[int, KernelCall]:
    """By position the calls that all classes can make with one kernel, with the parameters of all of their branches."""
    if len(forms) == 1 or len({len(calls) for calls in forms}) > 1:
        return {}
    joined = {k: _joined(calls) for k, calls in enumerate(zip(*forms, strict=True))}
    return {k: call for k, call in joined.items() if call is not None}


def _joined(calls: Sequence[KernelCall]) -> KernelCall | None:
    """One call for the branches of all classes; None when they differ in more than what differs between branches."""
    first = calls[0]
    variants = [variant for call in calls for variant in (call.variants or (call.params,))]
    free = set(GEOMETRY) | {
        key
        for call in calls
        for variant in call.variants
        for key, value in variant.items()
        if value != call.params[key]
    }
    for call in calls[1:]:
        if call.contract != first.contract or call.params.keys() != first.params.keys():
            return None
        if any(call.params[key] != value for key, value in first.params.items() if key not in free):
            return None
        for mine, theirs in zip(first.constants, call.constants, strict=True):
            if mine.bits != theirs.bits or not np.array_equal(mine.data, theirs.data):
                return None
    return replace(
        first,
        scratch=max((call.scratch for call in calls if call.scratch is not None), default=None),
        inplace=tuple(pair for pair in first.inplace if all(pair in call.inplace for call in calls)),
        macs=sum(call.macs for call in calls),
        variants=lowering.variants_of(variants),
    )


def _serving(chosen: Chosen, call: KernelCall) -> Chosen:
    """A kernel that was chosen for the branches of all classes, called for one of them."""
    if chosen.written:
        return replace(chosen, call=call, scratch=call.scratch, inplace=call.inplace)
    return replace(chosen, call=call)


def tasks(form: Stage1, layers: Sequence[Layer]) -> list[arena.Task]:
    """What the layers of a class do to memory."""
    found = []
    for calls, made in zip(form.layers, layers, strict=True):
        own = made.kernels[len(calls.crops) :][: len(calls.own)]
        found.append(form.task(calls, [(kernel.scratch, kernel.inplace) for kernel in own]))
    return found
