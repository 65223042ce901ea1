# SPDX-License-Identifier: Apache-2.0
"""The layers that run patch by patch: one kernel per layer and class, called with each branch's parameters."""

from __future__ import annotations

from collections.abc import Sequence

from intarsia.errors import UsageError
from intarsia.ir import Graph
from intarsia.plan import arena, lowering, patch
from intarsia.plan.lowering import LayerCalls, Stage1, Stages
from intarsia.plan.plan import Plan
from intarsia_codegen.program import Layer
from intarsia_codegen.select import Choose


def lower(graph: Graph, plan: Plan) -> Stages:
    """Kernel calls of the layers before the split. Raises UsageError when the plan is not for this graph."""
    tiling = patch.tiling(graph, plan)
    try:
        return lowering.stages(tiling)
    except ValueError as error:
        raise UsageError(
            f"'{graph.name}' cannot run by this plan: {error}", hint="leave the patches to the model"
        ) from None


def layer(form: Stage1, calls: LayerCalls, choose: Choose, name: str) -> Layer:
    """A layer of the branches of a class with the kernels chosen for it."""
    label = f"{'outlier_' if form.scope else ''}layer{calls.layer}"
    count = len(calls.calls)
    names = [f"{name}_{label}_{k}" if count > 1 else f"{name}_{label}" for k in range(count)]
    kernels = tuple(choose(call, stem) for call, stem in zip(calls.calls, names, strict=True))
    node = form.tiling.head.nodes[calls.layer]
    return Layer(calls.layer, node, calls.macs, kernels, calls.aliases, label, form.scope)


def tasks(form: Stage1, layers: Sequence[Layer]) -> list[arena.Task]:
    """What the layers of a class do to memory."""
    found = []
    for calls, made in zip(form.layers, layers, strict=True):
        own = made.kernels[len(calls.crops) :][: len(calls.own)]
        found.append(form.task(calls, [(kernel.scratch, kernel.inplace) for kernel in own]))
    return found
