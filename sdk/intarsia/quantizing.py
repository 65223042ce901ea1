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
from intarsia.request import DataSource, Mixing, Recipe, Silent, Watcher


def quantize_model(
    graph: Graph, recipe: Recipe, board: Board | None = None, *, watcher: Watcher | None = None
) -> Graph:
    """An int8 graph of a float one, with ranges from the recipe's calibration data, and layers in half precision where
    its options say so: by what they cost on a board, within its RAM or the budget's.

    Raises UsageError without calibration data.
    """
    samples, watcher = _calibration(recipe).load(graph), watcher or Silent()
    if recipe.options.half == "auto":
        return _with_halves(graph, *precisionplan.divided(samples), recipe, board, watcher)
    return at_8_bits(graph, samples, recipe.options, watcher)


def _calibration(recipe: Recipe) -> DataSource:
    if recipe.calibration is None:
        raise UsageError("int8 needs samples to calibrate with", hint="give a recipe with calibration data")
    return recipe.calibration


def _with_halves(
    graph: Graph, kept: Dataset, held: Dataset, recipe: Recipe, board: Board | None, watcher: Watcher
) -> Graph:
    """Raises as `halfplan.choose`."""
    budget = recipe.budget
    limit = planning.arena_limit(budget.ram or board.memory.ram, board) if board else None

    def fits(tried: Graph) -> bool:
        if board is None or limit is None:
            return True
        return planning.arena_bytes(tried, board, None, budget.objective) <= limit

    costs = functools.partial(half_costs, board=board)
    made = halfplan.choose(graph, kept, held, recipe.options, watcher, costs=costs, fits=fits)
    watcher.note(made.summary())
    return made.graph


def at_8_bits(graph: Graph, samples: Dataset, options: Options, watcher: Watcher) -> Graph:
    """An int8 graph of a float one, with ranges from these samples."""
    watcher.stage("calibrate")
    statistics = calibrate.calibrate(graph, samples, progress=watcher.progress)
    watcher.stage("quantize")
    return canonicalise(quantize(graph, statistics, options))


def prepare(
    model: Path, recipe: Recipe, board: Board | None = None, *, watcher: Watcher | None = None
) -> Graph:
    """Imports a model and, with calibration data, quantizes it where it is still float; without, its layers take half
    precision where the recipe's options say so."""
    watcher = watcher or Silent()
    watcher.stage(f"import {model.name}")
    graph = load_model(model, rule=recipe.rule)
    if recipe.calibration is None:
        return _in_half_precision(graph, model) if recipe.options.half == "all" else graph
    if not needs_quantization(graph):
        raise UsageError(
            f"{model} has no float weights to quantize", hint="it is quantized already: leave --calib out"
        )
    return quantize_model(graph, recipe, board, watcher=watcher)


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
    model: Path, recipe: Recipe, board: Board | None = None, *, watcher: Watcher | None = None
) -> Quantized:
    """Imports a model and quantizes it as the recipe says: at 8 bits, with bits chosen for a board, or with those of a
    plan file. Without calibration data it stays as it is. Raises as `mixed` and `prepare`."""
    file = recipe.patching.file
    plan = planfile.load(file) if file is not None else None
    if recipe.calibration is None or (recipe.mixing is None and not (plan and plan.narrow)):
        return Quantized(prepare(model, recipe, board, watcher=watcher))
    made = mixed(model, recipe, board, plan=plan, watcher=watcher)
    return Quantized(made.graph, made)


def quantize_file(
    model: Path,
    recipe: Recipe,
    out: Path,
    board: Board | None = None,
    *,
    plan_out: Path | None = None,
    watcher: Watcher | None = None,
) -> Quantized:
    """Quantizes a model into the `.itr` file `out`, to half precision without calibration data, and writes the plan, if
    there is one, to `plan_out`.

    Raises BudgetError when it cannot fit the board, and UsageError when a plan is wanted and there is none.
    """
    files.check_replaceable(out)
    result = quantized(model, recipe, board, watcher=watcher)
    plan = result.plan
    if board is not None:
        program = planning.fit(result.graph, board, recipe.budget, patching=recipe.patching, plan=plan)
        plan = program.plan
    if plan_out is not None:
        files.replace_text(plan_out, planfile.to_text(plan or patch.unpatched(result.graph)))
    files.replace_bytes(out, modelfile.to_bytes(result.graph))
    return result


def mixed(
    model: Path,
    recipe: Recipe,
    board: Board | None = None,
    *,
    plan: Plan | None = None,
    watcher: Watcher | None = None,
) -> Precision:
    """Imports a model, makes it int8 where it is float, and chooses fewer bits for a board, or takes those of a `plan`.

    The bits are chosen for the patches that the network needs with 8 bits. Where no patches suffice, those for more
    RAM are tried (`planning.RELAXATIONS`), and fewer bits have to make up for it. Raises BudgetError when that cannot
    be, GateError when the accuracy drops too far, and UsageError when the plan is for another network.
    """
    watcher, mixing, budget = watcher or Silent(), recipe.mixing or Mixing(), recipe.budget
    graph, kept, held = _whole(model, recipe, board, watcher)
    if plan is not None:
        return precisionplan.follow(graph, kept, held, plan, watcher)
    if board is None:
        return precisionplan.choose(graph, kept, held, mixing, watcher)
    limit = budget.ram or board.memory.ram
    refused: BudgetError | None = None
    for found in planning.plans(graph, board, recipe.patching, limit, watcher, budget.objective):
        costs = layer_costs(graph, board, found, budget.objective)
        watcher.stage(f"look up the kernels of {board.name}")
        looked_up(graph, costs, mixing.weights, mixing.maps, watcher.progress)
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


def _whole(
    model: Path, recipe: Recipe, board: Board | None, watcher: Watcher
) -> tuple[Graph, Dataset, Dataset]:
    """The model with 8 bits everywhere (or half precision), samples to choose with, and those held out."""
    calibration = _calibration(recipe)
    watcher.stage(f"import {model.name}")
    graph = load_model(model, rule=recipe.rule)
    if any(tensor.dtype.is_packed for tensor in graph.tensors) or graph.classes:
        raise UsageError(f"{model} has fewer than 8 bits already", hint="choose bits for the original model")
    if needs_quantization(graph):
        parts = precisionplan.divided(calibration.load(graph))
        if recipe.options.half == "auto":
            graph = _with_halves(graph, *parts, recipe, board, watcher)
        else:
            graph = at_8_bits(graph, parts[0], recipe.options, watcher)
    return graph, *precisionplan.divided(calibration.load(graph))
