# SPDX-License-Identifier: Apache-2.0
"""QGraph and board to a firmware program: chosen kernels and an arena with every buffer's place."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from intarsia import ops
from intarsia.errors import ModelError, UsageError
from intarsia.ir import Graph, Node
from intarsia.kernelcall import Alias, KernelCall, Step
from intarsia.passes import constant_channels
from intarsia.plan import arena, cost, patch
from intarsia.plan.plan import Plan
from intarsia.request import Objective
from intarsia_codegen import patches
from intarsia_codegen.names import identifier
from intarsia_codegen.program import Layer, Program, task
from intarsia_codegen.select import Choose, Selector
from intarsia_codegen.states import States

__all__ = ["Layer", "Program", "lower"]


def lower(
    graph: Graph,
    isas: Sequence[str],
    *,
    portable: Callable[[int], bool] = lambda index: False,
    prefix: str | None = None,
    plan: Plan | None = None,
    objective: Objective = Objective.BALANCED,
) -> Program:
    """Program of a graph for a board's instruction sets, best first.

    `portable(layer)` asks for portable C in a layer; `prefix` replaces the C identifier made from the graph's name.
    A `plan` with patches makes its first layers run patch by patch. `objective` is what the choice of kernels shall
    save. Raises UsageError when the plan is not for this graph, or lacks patches whose classes the graph tells apart.
    Channels that never change are left out; MACs are those of the network with all its channels.
    """
    kept = constant_channels.run(graph)
    program = _lowered(kept, isas, portable, prefix or identifier(graph.name), plan, objective)
    program = replace(program, objective=objective)
    return program if kept is graph else _of_model(program, graph)


def _of_model(program: Program, model: Graph) -> Program:
    """The program of a graph that stands for `model`."""
    macs = cost.macs(model)
    if program.plan is not None and program.plan.patched:
        macs = cost.patched_macs(patch.tiling(model, program.plan))

    def counted(layers: Sequence[Layer]) -> tuple[Layer, ...]:
        return tuple(replace(layer, macs=macs[layer.index]) for layer in layers)

    forms = tuple(counted(form) for form in program.forms)
    return replace(program, forms=forms, behind=counted(program.behind), model=model)


def _lowered(
    graph: Graph,
    isas: Sequence[str],
    portable: Callable[[int], bool],
    name: str,
    plan: Plan | None,
    objective: Objective,
) -> Program:
    selector, states = Selector(isas, objective), States.of(graph)

    def choose(index: int) -> Choose:
        return functools.partial(selector.choose, portable=portable(index))

    patched = plan is not None and plan.patched
    if graph.classes is not None and not patched:
        raise UsageError(
            f"the patches of '{graph.name}' have classes: it cannot run layer by layer",
            hint="leave --patches out",
        )
    if plan is not None and patched:
        if graph.states:
            raise UsageError(
                f"'{graph.name}' keeps states between inferences and cannot run patch by patch",
                hint="use --patches off",
            )
        stages = patches.lower(graph, plan)
        forms = patches.layers(stages, choose, name)
        behind = tuple(
            _layer(graph, i, choose(i), name, states) for i in range(stages.layers, len(graph.nodes))
        )
        before = [patches.tasks(form, layers) for form, layers in zip(stages.forms, forms, strict=True)]
        buffers, placement = stages.arena(before, [task(layer, states) for layer in behind])
        return Program(graph, name, forms, behind, buffers, placement, plan, stages)
    layers = tuple(_layer(graph, index, choose(index), name, states) for index in range(len(graph.nodes)))
    lifetimes = arena.Lifetimes(graph.inputs, graph.results)
    tasks = [task(layer, states) for layer in layers]
    buffers, placement = arena.plan(tasks, lifetimes, lambda t: graph.tensor(t).bytes)
    return Program(graph, name, (), layers, buffers, placement, plan)


def stage_arenas(program: Program) -> tuple[int, int]:
    """Bytes of arena while patches run, and while the layers behind them do. Raises ValueError without patches."""
    stages = program.stages
    if stages is None:
        raise ValueError("nothing runs patch by patch")
    before = [patches.tasks(form, layers) for form, layers in zip(stages.forms, program.forms, strict=True)]
    lifetimes = arena.Lifetimes((stages.tiling.head.tensor,), program.graph.outputs)
    outside = program.external
    tasks = [task(layer, program.states) for layer in program.behind]
    behind = arena.plan(tasks, lifetimes, stages.size, outside=outside)
    return stages.arena(before, (), alone=True, outside=outside)[1].total, behind[1].total


def _layer(graph: Graph, index: int, choose: Choose, name: str, states: States) -> Layer:
    node = graph.nodes[index]
    operator = ops.registry()[node.op]
    with np.errstate(all="ignore"):  # tables hold infinities as they hold other values
        steps = states.steps(operator.lower(node, graph), graph)
    _check_sources(index, node, graph, steps)
    calls = [step for step in steps if not isinstance(step, Alias)]
    names = [f"{name}_layer{index}" + (f"_{k}" if len(calls) > 1 else "") for k in range(len(calls))]
    return Layer(
        index,
        node,
        operator.macs(node, graph),
        tuple(choose(call, label) for call, label in zip(calls, names, strict=True)),
        tuple(step for step in steps if isinstance(step, Alias)),
        f"layer{index}",
    )


def _check_sources(index: int, node: Node, graph: Graph, steps: Sequence[Step]) -> None:
    """Raises ModelError when a kernel or a view would read a constant as if it lay in the arena.

    What depends on constants alone has been folded, but for what a graph output or a state is to hold.
    """
    for step in steps:
        for tensor in step.inputs if isinstance(step, KernelCall) else (step.source,):
            if graph.tensor(tensor).is_constant:
                raise ModelError(
                    f"{node.op} (operator {index}, output '{graph.output(node).name}') reads the constant "
                    f"'{graph.tensor(tensor).name}' where a feature map must be",
                    hint="remove the output that it makes from the model",
                )
