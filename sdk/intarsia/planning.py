# SPDX-License-Identifier: Apache-2.0
"""Plans for a board: patches that fit its memory with the kernels of its firmware."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import replace

from intarsia import check
from intarsia.boards import Board
from intarsia.errors import BudgetError, UsageError
from intarsia.ir import Graph
from intarsia.plan import patch, planfile
from intarsia.plan.plan import MapBits, Plan
from intarsia.plan.precision import NORMAL, OUTLIER, REST
from intarsia.precisionplan import Need
from intarsia.request import Budget, Objective, Patching, Watcher
from intarsia_codegen import project as codegen
from intarsia_codegen.lower import Program, stage_arenas

STATIC_RAM, STATIC_RAM_HOST = 2048, 4096
"""Bytes beside the arena that a plan leaves for stack and static data; the build then checks the exact sum."""

RELAXATIONS = (1.0, 1.25, 1.5, 2.0)
"""Shares of the RAM that patches may take with 8 bits, in this order, where fewer bits can be chosen."""


def arena_bytes(graph: Graph, board: Board, plan: Plan | None, objective: Objective) -> int:
    """Bytes of arena with the kernels of a board."""
    return codegen.lower_for(graph, board, plan=plan, objective=objective).arena_bytes


def need(graph: Graph, board: Board, plan: Plan | None, objective: Objective) -> Need:
    """What a graph needs of the arena with the kernels of a board."""
    program = codegen.lower_for(graph, board, plan=plan, objective=objective)
    layer = codegen.fullest_layer(program)
    scope = REST
    if program.stages is not None and layer is not None and layer.index < program.stages.layers:
        scope = OUTLIER if layer.scope else NORMAL
    return Need(program.arena_bytes, layer.index if layer else 0, scope)


def arena_limit(ram: int | None, board: Board) -> int | None:
    """What a board with so much RAM leaves for the arena: at most what the linker has room for in one piece."""
    if ram is None:
        return None
    left = max(ram - beside(board), 0)
    return left if board.memory.arena is None else min(left, board.memory.arena)


def beside(board: Board) -> int:
    """Bytes of RAM that a plan keeps free of the arena."""
    return STATIC_RAM_HOST if board.target.arch == "host" else STATIC_RAM


def plans(
    graph: Graph, board: Board, patching: Patching, limit: int | None, watcher: Watcher, objective: Objective
) -> Iterator[Plan | None]:
    """Plans of an int8 graph, first for `limit` bytes, then for more; each once. Raises BudgetError without any."""
    refused, tried = None, set()
    for factor in RELAXATIONS:
        watcher.stage("plan patches")
        try:
            plan = plan_for(graph, board, patching, None if limit is None else int(factor * limit), objective)
        except BudgetError as error:
            refused = refused or error
            continue
        place = plan and plan.place
        if place not in tried:
            tried.add(place)
            yield plan
        if refused is None:
            return
    if not tried and refused is not None:
        raise refused


def plan_for(
    graph: Graph,
    board: Board,
    patching: Patching,
    ram: int | None,
    objective: Objective = Objective.BALANCED,
) -> Plan | None:
    """The plan for a board with `ram` bytes; None: layer by layer.

    A graph whose patches have classes keeps to them. Raises as `plan.patch.choose`, and UsageError when the graph
    cannot run as asked.
    """
    if patching.file is not None:
        return followed(graph, planfile.load(patching.file))
    if graph.classes is not None:
        return own_plan(graph, patching)
    if graph.states and patching.asked:
        raise UsageError(f"'{graph.name}' keeps states between inferences", hint="use --patches off")
    if patching.patches == "off" or graph.states:
        return None
    grid = patching.patches if isinstance(patching.patches, tuple) else None
    if grid is None and patching.input == "arena" and ram is None:
        return None

    def lowered(plan: Plan | None) -> Program:
        return codegen.lower_for(graph, board, plan=plan, objective=objective, external=patching.external)

    return patch.choose(
        graph,
        ram=arena_limit(ram, board),
        input_mode=patching.input,
        grid=grid,
        measure=lambda plan: lowered(plan).arena_bytes,
        explain=lambda plan: codegen.fullest(lowered(plan)),
        beside=beside(board),
    )


def own_plan(graph: Graph, patching: Patching) -> Plan:
    """The patches that a graph has classes for. Raises UsageError when others are asked for, ValueError without any."""
    if graph.classes is None:
        raise ValueError(f"the patches of '{graph.name}' have no classes")
    rows, columns = graph.classes.grid
    if patching.patches not in ("auto", graph.classes.grid):
        raise UsageError(
            f"the patches of '{graph.name}' have classes, in a grid of {rows}x{columns}: it cannot be cut otherwise",
            hint="leave --patches out, or quantize the original model again",
        )
    return patch.plan_of(graph, graph.classes.split_after, graph.classes.grid, patching.input)


def followed(graph: Graph, plan: Plan) -> Plan:
    """A plan with the figures of a graph that has the bits and classes of the plan. Raises UsageError when it has
    others."""
    plan.check(graph)
    own = patch.unpatched(graph)
    if plan.split_after is not None:
        own = patch.plan_of(graph, plan.split_after, plan.grid, plan.input)
    hint = "quantize the original model by this plan: with --calib and --plan"
    if _classes(own) != _classes(plan):
        raise UsageError(f"the plan and '{graph.name}' do not have the same classes of patches", hint=hint)
    found = {(entry.index, entry.scope): entry for entry in own.maps}
    for entry in plan.maps:
        mine = found.get((entry.index, entry.scope))
        if mine is None or (mine.bits, mine.weights_bits) != (entry.bits, entry.weights_bits):
            raise UsageError(
                f"the plan gives '{entry.name}' ({entry.scope}) {_bits(entry)}; in '{graph.name}' it has "
                f"{_bits(mine) if mine else 'no such class'}",
                hint=hint,
            )
    return replace(own, decisions=plan.decisions, outliers=plan.outliers)


def _classes(plan: Plan) -> object:
    return plan.outliers and (plan.split_after, plan.grid, plan.outliers.shares, plan.outliers.rule)


def _bits(entry: MapBits) -> str:
    weights = f" and weights of {entry.weights_bits}" if entry.weights_bits else ""
    return f"{entry.bits} bits{weights}"


def fit(
    graph: Graph,
    board: Board,
    budget: Budget | None = None,
    portable: Sequence[int] = (),
    patching: Patching | None = None,
    plan: Plan | None = None,
) -> Program:
    """The program for a board, by a `plan` where there is one already; layers in `portable` use portable C.

    Raises BudgetError when arena or constants alone exceed the budget, and UsageError when there is no such layer, or
    inputs and outputs cannot lie outside the arena.
    """
    check.check_layers(graph, portable)
    budget = budget or Budget()
    patching = patching or Patching()
    lowered = functools.partial(
        codegen.lower_for,
        graph,
        board,
        portable=portable,
        objective=budget.objective,
        external=patching.external,
    )
    checked = functools.partial(codegen.check_budget, board=board, ram=budget.ram, flash=budget.flash)
    flash = budget.flash or board.memory.flash
    if plan is None and flash is not None and _constants(graph) > flash:
        # Patches make no constants smaller, and to look for some can take minutes.
        checked(lowered())
    limit = budget.ram or (None if patching.asked else board.memory.ram)
    program = lowered(plan=plan or plan_for(graph, board, patching, limit, budget.objective))
    checked(program)
    return _measured(program)


def _constants(graph: Graph) -> int:
    """Bytes of all constants as the graph has them."""
    used = {index for node in graph.nodes for index in node.inputs if index >= 0}
    return sum(t.bytes for t in map(graph.tensor, used) if t.is_constant)


def _measured(program: Program) -> Program:
    """The program with the bytes of its own kernels in its plan."""
    plan = program.plan
    if plan is None:
        return program
    stage_1, stage_2 = stage_arenas(program) if plan.patched else (0, program.arena_bytes)
    memory = replace(plan.memory, arena=program.arena_bytes, stage_1=stage_1, stage_2=stage_2)
    return replace(program, plan=replace(plan, memory=memory))
