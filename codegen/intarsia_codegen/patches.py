# SPDX-License-Identifier: Apache-2.0
"""The layers that run patch by patch: one kernel per layer for all branches, called with each branch's parameters."""

from __future__ import annotations

from intarsia.ir import Graph
from intarsia.plan import arena, lowering, patch
from intarsia.plan.lowering import LayerCalls, Stage1
from intarsia.plan.plan import Plan
from intarsia_codegen.program import Layer
from intarsia_codegen.select import Choose


def lower(graph: Graph, plan: Plan) -> Stage1:
    """Kernel calls of the layers before the split. Raises UsageError when the plan is not for this graph."""
    return lowering.lower(patch.tiling(graph, plan))


def layer(stage: Stage1, calls: LayerCalls, choose: Choose, name: str) -> Layer:
    """A layer of the branches with the kernels chosen for it."""
    count, stem = len(calls.calls), f"{name}_layer{calls.layer}"
    names = [f"{stem}_{k}" if count > 1 else stem for k in range(count)]
    kernels = tuple(choose(call, label) for call, label in zip(calls.calls, names, strict=True))
    node = stage.tiling.head.nodes[calls.layer]
    return Layer(calls.layer, node, calls.macs, kernels, calls.aliases)


def task(stage: Stage1, layer: Layer) -> arena.Task:
    """What a layer of the branches does to memory."""
    calls = stage.layers[layer.index]
    own = layer.kernels[len(calls.crops) :][: len(calls.own)]
    return stage.task(calls, [(kernel.scratch, kernel.inplace) for kernel in own])
