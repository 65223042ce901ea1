# SPDX-License-Identifier: Apache-2.0
"""From a model file to a quantized graph: 8 bits, fewer bits chosen for a board, or those of a plan."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

from intarsia import calibrate, halfplan, modelfile, planning, precisionplan
from intarsia.boards import Board
from intarsia.data import Dataset
from intarsia.errors import BudgetError, UsageError
from intarsia.ir import Graph
from intarsia.layercosts import half_costs, layer_costs, looked_up
from intarsia.models import load_model, needs_quantization
from intarsia.passes import canonicalise, half
from intarsia.plan import patch, planfile
from intarsia.plan.plan import Plan
from intarsia.precisionplan import Precision
from intarsia.quantize import Options, quantize
from intarsia.report import files
from intarsia.request import Budget, DataSource, Mixing, Patching, Silent, Watcher


def quantize_model(
    graph: Graph,
    calibration: DataSource,
    options: Options | None = None,
    *,
    board: Board | None = None,
    budget: Budget | None = None,
    watcher: Watcher | None = None,
) -> Graph:
    """An int8 graph of a float one, with ranges from calibration data, and layers in half precision where `options` say
    so: by what they cost on a board, within its RAM or the budget's."""
    samples, watcher = calibration.load(graph), watcher or Silent()
    if options is not None and options.half == "auto":
        return _with_halves(graph, *precisionplan.divided(samples), options, board, budget, watcher)
    return at_8_bits(graph, samples, options, watcher)


def _with_halves(
    graph: Graph,
    kept: Dataset,
    held: Dataset,
    options: Options,
    board: Board | None,
    budget: Budget | None,
    watcher: Watcher,
) -> Graph:
    """Raises as `halfplan.choose`."""
    budget = budget or Budget()
    limit = planning.arena_limit(budget.ram or board.memory.ram, board) if board else None

    def fits(tried: Graph) -> bool:
        if board is None or limit is None:
            return True
        return planning.arena_bytes(tried, board, None, budget.objective) <= limit

    costs = functools.partial(half_costs, board=board)
    made = halfplan.choose(graph, kept, held, options, watcher, costs=costs, fits=fits)
    watcher.note(made.summary())
    return made.graph


def at_8_bits(graph: Graph, samples: Dataset, options: Options | None, watcher: Watcher) -> Graph:
    """An int8 graph of a float one, with ranges from these samples."""
    watcher.stage("calibrate")
    statistics = calibrate.calibrate(graph, samples, progress=watcher.progress)
    watcher.stage("quantize")
    return canonicalise(quantize(graph, statistics, options or Options()))


def prepare(
    model: Path,
    *,
    rule: str | None = None,
    calibration: DataSource | None = None,
    options: Options | None = None,
    board: Board | None = None,
    budget: Budget | None = None,
    watcher: Watcher | None = None,
) -> Graph:
    """Imports a model and, with calibration data, quantizes it where it is still float; without, its layers take half
    precision where `options` say so."""
    watcher = watcher or Silent()
    watcher.stage(f"import {model.name}")
    graph = load_model(model, rule=rule)
    if calibration is None:
        return _in_half_precision(graph, model) if options is not None and options.half == "all" else graph
    if not needs_quantization(graph):
        raise UsageError(
            f"{model} has no float weights to quantize", hint="it is quantized already: leave --calib out"
        )
    return quantize_model(graph, calibration, options, board=board, budget=budget, watcher=watcher)


def _in_half_precision(graph: Graph, model: Path) -> Graph:
    if not any(half.converts(node, graph) for node in graph.nodes):
        raise UsageError(f"{model} has no float32 layers", hint="it is quantized already: leave --fp16 out")
    try:
        return half.run(graph)
    except OverflowError as error:
        raise UsageError(f"{model}: {error}", hint="keep float32, or quantize to int8") from None


@dataclass(frozen=True, eq=False)
class Quantized:
    """A quantized graph, how its bits were chosen where there was a choice, and the plan that goes with them."""

    graph: Graph
    precision: Precision | None = None

    @property
    def plan(self) -> Plan | None:
        """The plan that the bits were chosen for."""
        return self.precision.plan if self.precision else None


def quantized(
    model: Path,
    calibration: DataSource | None,
    mixing: Mixing | None = None,
    board: Board | None = None,
    rule: str | None = None,
    options: Options | None = None,
    budget: Budget | None = None,
    patching: Patching | None = None,
    watcher: Watcher | None = None,
) -> Quantized:
    """Imports a model and quantizes it as asked: at 8 bits, with bits chosen for a board (`mixing`), or with those of a
    plan file. Without calibration data it stays as it is. Raises as `mixed` and `prepare`."""
    file = patching.file if patching else None
    plan = planfile.load(file) if file is not None else None
    if calibration is None or (mixing is None and not (plan and plan.narrow)):
        graph = prepare(
            model,
            rule=rule,
            calibration=calibration,
            options=options,
            board=board,
            budget=budget,
            watcher=watcher,
        )
        return Quantized(graph)
    made = mixed(
        model, calibration, mixing or Mixing(), board, rule, options, budget, patching, watcher, plan=plan
    )
    return Quantized(made.graph, made)


def quantize_file(
    model: Path,
    calibration: DataSource | None,
    out: Path,
    board: Board | None = None,
    *,
    rule: str | None = None,
    options: Options | None = None,
    mixing: Mixing | None = None,
    budget: Budget | None = None,
    patching: Patching | None = None,
    plan_out: Path | None = None,
    watcher: Watcher | None = None,
) -> Quantized:
    """Quantizes a model into the `.itr` file `out`, to half precision without calibration data, and writes the plan, if
    there is one, to `plan_out`.

    Raises BudgetError when it cannot fit the board, and UsageError when a plan is wanted and there is none.
    """
    files.check_replaceable(out)
    result = quantized(model, calibration, mixing, board, rule, options, budget, patching, watcher)
    plan = result.plan
    if board is not None:
        program = planning.fit(result.graph, board, budget, patching=patching, plan=plan)
        plan = program.plan
    if plan_out is not None:
        files.replace_text(plan_out, planfile.to_text(plan or patch.unpatched(result.graph)))
    files.replace_bytes(out, modelfile.to_bytes(result.graph))
    return result


def mixed(
    model: Path,
    calibration: DataSource,
    mixing: Mixing,
    board: Board | None = None,
    rule: str | None = None,
    options: Options | None = None,
    budget: Budget | None = None,
    patching: Patching | None = None,
    watcher: Watcher | None = None,
    *,
    plan: Plan | None = None,
) -> Precision:
    """Imports a model, makes it int8 where it is float, and chooses fewer bits for a board, or takes those of a `plan`.

    The bits are chosen for the patches that the network needs with 8 bits. Where no patches suffice, those for more
    RAM are tried (`planning.RELAXATIONS`), and fewer bits have to make up for it. Raises BudgetError when that cannot
    be, GateError when the accuracy drops too far, and UsageError when the plan is for another network.
    """
    watcher = watcher or Silent()
    watcher.stage(f"import {model.name}")
    graph = load_model(model, rule=rule)
    if any(tensor.dtype.is_packed for tensor in graph.tensors) or graph.classes:
        raise UsageError(f"{model} has fewer than 8 bits already", hint="choose bits for the original model")
    if needs_quantization(graph):
        parts = precisionplan.divided(calibration.load(graph))
        if options is not None and options.half == "auto":
            graph = _with_halves(graph, *parts, options, board, budget, watcher)
        else:
            graph = at_8_bits(graph, parts[0], options, watcher)
    kept, held = precisionplan.divided(calibration.load(graph))
    if plan is not None:
        return precisionplan.follow(graph, kept, held, plan, watcher)
    if board is None:
        return precisionplan.choose(graph, kept, held, mixing, watcher)
    budget = budget or Budget()
    limit = budget.ram or board.memory.ram
    costs = layer_costs(graph, board)
    watcher.stage(f"look up the kernels of {board.name}")
    looked_up(graph, costs, mixing.weights, mixing.maps, watcher.progress)
    refused: BudgetError | None = None
    for found in planning.plans(graph, board, patching or Patching(), limit, watcher, budget.objective):
        try:
            return precisionplan.choose(
                graph,
                kept,
                held,
                mixing,
                watcher,
                plan=found,
                ram=planning.arena_limit(limit, board),
                beside=planning.beside(board),
                measure=functools.partial(planning.need, board=board, plan=found, objective=budget.objective),
                costs=costs,
            )
        except BudgetError as error:
            refused = error
    assert refused is not None
    raise refused
