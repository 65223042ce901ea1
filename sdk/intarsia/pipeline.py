# SPDX-License-Identifier: Apache-2.0
"""The stages strung together: one function per verb, and nothing else knows their order."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from intarsia import (
    accuracy,
    analyze,
    build,
    calibrate,
    check,
    diffing,
    environment,
    exactness,
    folders,
    measure,
    modelfile,
    monitor,
    oracle,
    precisionplan,
    scratch,
    toolchain,
)
from intarsia.background import Background
from intarsia.boards import DEFAULT_BAUD, Board
from intarsia.build import Built, Project
from intarsia.data import Dataset
from intarsia.device import Device
from intarsia.dtypes import INT8
from intarsia.errors import (
    BudgetError,
    EnvironmentMissing,
    ModelError,
    UsageError,
)
from intarsia.importers import tflite
from intarsia.ir import Graph
from intarsia.passes import canonicalise, dynamic_range
from intarsia.plan import cost, patch
from intarsia.plan import plan as plans
from intarsia.plan.plan import Plan
from intarsia.precisionplan import Precision
from intarsia.quantize import Options, quantize
from intarsia.report import files, gates, precision
from intarsia.report import run as report
from intarsia.report.document import Document
from intarsia.request import Budget, DataSource, Mixing, Patching, Request, Silent, Watcher
from intarsia.runners import ANYWHERE, Link, Place, find_runner
from intarsia.runners._places import awaited, choose_port
from intarsia.runners._serial import SerialLink
from intarsia_codegen import library
from intarsia_codegen import project as codegen
from intarsia_codegen.lower import Program, lower

STATIC_RAM, STATIC_RAM_HOST = 2048, 4096
"""Bytes beside the arena that a plan leaves for stack and static data; the build then checks the exact sum."""

RELAXATIONS = (1.0, 1.25, 1.5, 2.0)
"""Shares of the RAM that patches may take with 8 bits, in this order, where fewer bits can be chosen."""

DEFAULT_RULE = "tflm"


def load_model(path: Path, *, rule: str | None = None) -> Graph:
    """A canonical graph from a `.tflite` or `.itr` file.

    `rule` is the rounding rule of a `.tflite` file (None: tflm); a `.itr` file has its own. Raises
    ModelError, and UsageError when `rule` is not the one of a `.itr` file.
    """
    if path.suffix != ".itr":
        return _canonical(tflite.load(path, rule=rule or DEFAULT_RULE))
    graph = modelfile.load(path)
    if rule is not None and rule != graph.rule:
        raise UsageError(
            f"{path} follows rule '{graph.rule}', not '{rule}'",
            hint=f"leave --reference out, or quantize the model again with --reference {rule}",
        )
    check.check(graph)
    return graph


def _canonical(graph: Graph) -> Graph:
    """The canonical form of an imported graph, all of whose nodes can be run. Raises ModelError."""
    try:
        canonical = canonicalise(graph)
    except (ValueError, LookupError, TypeError) as error:
        check.check(graph)
        raise ModelError(f"malformed model: {error}", hint="convert the model again") from None
    check.check(canonical)
    return canonical


def analyze_model(path: Path, board: Board | None = None, *, rule: str | None = None) -> analyze.Analysis:
    """Layers, operators that are not supported, and memory before anything is compiled.

    With a board the arena is exactly that of its firmware; without, that of portable kernels. Raises
    ModelError for files that cannot be read at all.
    """
    if path.suffix == ".itr":
        graph = load_model(path, rule=rule)
    else:
        graph = tflite.load(path, rule=rule or DEFAULT_RULE, partial=True)
        faults = analyze.faults(graph)
        if any(faults):
            return analyze.Analysis(graph.name, graph.rule, board, analyze.layers(graph, faults), None)
        graph = _canonical(graph)
    program = codegen.lower_for(graph, board) if board else lower(graph, [library.PORTABLE])
    arena = analyze.arena(graph, program.placement, program.buffers)
    return analyze.Analysis(graph.name, graph.rule, board, analyze.layers(graph), arena)


def needs_quantization(graph: Graph) -> bool:
    """Whether layers with float weights are left, which `quantize` would turn into integers."""
    floats = {i for i, t in enumerate(graph.tensors) if t.is_constant and t.dtype.is_float}
    return any(floats.intersection(node.inputs) for node in graph.nodes)


def quantize_model(
    graph: Graph, calibration: DataSource, options: Options | None = None, *, watcher: Watcher | None = None
) -> Graph:
    """An int8 graph of a float one, with ranges from calibration data."""
    return _quantized(graph, calibration.load(graph), options, watcher or Silent())


def _quantized(graph: Graph, samples: Dataset, options: Options | None, watcher: Watcher) -> Graph:
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
    watcher: Watcher | None = None,
) -> Graph:
    """Imports a model and, with calibration data, quantizes it where it is still float."""
    watcher = watcher or Silent()
    watcher.stage(f"import {model.name}")
    graph = load_model(model, rule=rule)
    if calibration is None:
        return graph
    if not needs_quantization(graph):
        raise UsageError(
            f"{model} has no float weights to quantize", hint="it is quantized already: leave --calib out"
        )
    return quantize_model(graph, calibration, options, watcher=watcher)


@dataclass(frozen=True, eq=False)
class Quantized:
    """A quantized graph, and how its bits were chosen where there was a choice."""

    graph: Graph
    precision: Precision | None = None


def quantize_file(
    model: Path,
    calibration: DataSource,
    out: Path,
    board: Board | None = None,
    *,
    rule: str | None = None,
    options: Options | None = None,
    mixing: Mixing | None = None,
    budget: Budget | None = None,
    patching: Patching | None = None,
    watcher: Watcher | None = None,
) -> Quantized:
    """Quantizes a model into the `.itr` file `out`. Raises BudgetError when it cannot fit the board."""
    files.check_replaceable(out)
    if mixing is None:
        graph = prepare(model, rule=rule, calibration=calibration, options=options, watcher=watcher)
        result = Quantized(graph)
    else:
        chosen = mixed(model, calibration, mixing, board, rule, options, budget, patching, watcher)
        result = Quantized(chosen.graph, chosen)
    if board is not None:
        fit(result.graph, board, budget, patching=patching)
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
) -> Precision:
    """Imports a model, makes it int8 where it is float, and chooses fewer bits for a board.

    The bits are chosen for the patches that the network needs with 8 bits. Where no patches suffice, those for more
    RAM are tried (`RELAXATIONS`), and fewer bits have to make up for it. Raises BudgetError when that cannot be, and
    GateError when the accuracy drops too far.
    """
    watcher = watcher or Silent()
    watcher.stage(f"import {model.name}")
    graph = load_model(model, rule=rule)
    if any(tensor.dtype.is_packed for tensor in graph.tensors):
        raise UsageError(f"{model} has fewer than 8 bits already", hint="choose bits for the original model")
    if needs_quantization(graph):
        graph = _quantized(graph, precisionplan.divided(calibration.load(graph))[0], options, watcher)
    kept, held = precisionplan.divided(calibration.load(graph))
    if board is None:
        return precisionplan.choose(graph, kept, held, mixing, watcher)
    limit = (budget or Budget()).ram or board.memory.ram
    refused: BudgetError | None = None
    for plan in _plans(graph, board, patching or Patching(), limit, watcher):
        try:
            return precisionplan.choose(
                graph,
                kept,
                held,
                mixing,
                watcher,
                tiling=patch.tiling(graph, plan) if plan is not None and plan.patched else None,
                ram=_arena_limit(limit, board),
                measure=functools.partial(_arena_bytes, board=board, plan=plan),
            )
        except BudgetError as error:
            refused = error
    assert refused is not None
    raise refused


def _arena_bytes(graph: Graph, board: Board, plan: Plan | None) -> int:
    return codegen.lower_for(graph, board, plan=plan).arena_bytes


def _plans(
    graph: Graph, board: Board, patching: Patching, limit: int | None, watcher: Watcher
) -> Iterator[Plan | None]:
    """Plans of an int8 graph, first for `limit` bytes, then for more; each once. Raises BudgetError without any."""
    refused, tried = None, set()
    for factor in RELAXATIONS:
        watcher.stage("plan patches")
        try:
            plan = plan_for(graph, board, patching, None if limit is None else int(factor * limit))
        except BudgetError as error:
            refused = refused or error
            continue
        place = plan and (plan.split_after, plan.grid)
        if place not in tried:
            tried.add(place)
            yield plan
        if refused is None:
            return
    if not tried and refused is not None:
        raise refused


def _arena_limit(ram: int | None, board: Board) -> int | None:
    beside = STATIC_RAM_HOST if board.target.arch == "host" else STATIC_RAM
    return None if ram is None else max(ram - beside, 0)


def plan_for(graph: Graph, board: Board, patching: Patching, ram: int | None) -> Plan | None:
    """The plan for a board with `ram` bytes; None: layer by layer. Raises as `plan.patch.choose`."""
    if patching.file is not None:
        plan = plans.load(patching.file)
        plan.check(graph)
        return _with_figures(plan, graph)
    if graph.states and patching.asked:
        raise UsageError(f"'{graph.name}' keeps states between inferences", hint="use --patches off")
    if patching.patches == "off" or graph.states:
        return None
    grid = patching.patches if isinstance(patching.patches, tuple) else None
    if grid is None and patching.input == "arena" and ram is None:
        return None
    plan = patch.choose(
        graph,
        ram=_arena_limit(ram, board),
        input_mode=patching.input,
        grid=grid,
        measure=lambda plan: _arena_bytes(graph, board, plan),
    )
    return _with_figures(plan, graph)


def _with_figures(plan: Plan, graph: Graph) -> Plan:
    """The plan with the figures of a graph that has fewer bits in places, beside those of 8 bits."""
    if plan.split_after is None or not any(tensor.dtype.is_packed for tensor in graph.tensors):
        return plan
    tensors = (replace(t, dtype=INT8) if t.dtype.is_packed else t for t in graph.tensors)
    at_8_bits = cost.bitops(
        graph.replace(tensors=tuple(tensors)), cost.patched_macs(patch.tiling(graph, plan))
    )
    own = patch.plan_of(graph, plan.split_after, plan.grid, plan.input)
    return replace(own, bitops_8bit_patch=at_8_bits)


def fit(
    graph: Graph,
    board: Board,
    budget: Budget | None = None,
    portable: Sequence[int] = (),
    patching: Patching | None = None,
) -> Program:
    """The program for a board; layers in `portable` use portable C. Raises BudgetError when arena or constants alone
    exceed the budget, and UsageError when there is no such layer."""
    check.check_layers(graph, portable)
    budget = budget or Budget()
    patching = patching or Patching()
    limit = budget.ram or (None if patching.asked else board.memory.ram)
    plan = plan_for(graph, board, patching, limit)
    program = codegen.lower_for(graph, board, portable=portable, plan=plan)
    codegen.check_budget(program, board, ram=budget.ram, flash=budget.flash)
    return program


def generate(
    graph: Graph,
    board: Board,
    out: Path,
    *,
    budget: Budget | None = None,
    portable: Sequence[int] = (),
    patching: Patching | None = None,
) -> Program:
    """Writes the firmware project. Raises as `fit`, before anything is written."""
    program = fit(graph, board, budget, portable, patching)
    codegen.write(program, board, out)
    return program


def build_project(folder: Path, *, budget: Budget | None = None, jobs: int | None = None) -> Built:
    """Builds a project and checks its exact sizes against the budget."""
    budget = budget or Budget()
    return build.build(folder, ram=budget.ram, flash=budget.flash, jobs=jobs)


def flash_project(folder: Path, place: Place = ANYWHERE) -> str:
    """Writes a built firmware to its board and says what was done. Raises as `Runner.flash`."""
    project = build.open_project(folder)
    return find_runner(project.board.runner.kind).flash(project.elf, project.board, place)


def run_project(built: Built, request: Request, *, watcher: Watcher | None = None) -> report.Run:
    """Runs a built project on the samples and compares it with the reference of its rule."""
    graph = modelfile.load(built.project.folder / "model.itr")
    dataset = request.load(graph)
    reference = _expected(graph, dataset, request.oracle)
    return _run(built, dataset, reference, request, watcher or Silent())


def measure_project(built: Built, request: Request, *, watcher: Watcher | None = None) -> measure.Measurement:
    """Runs a built project on the samples, without a comparison."""
    watcher = watcher or Silent()
    dataset = request.load(modelfile.load(built.project.folder / "model.itr"))
    return _measure(built, dataset, request, watcher)


def watch(
    folder: Path | None, request: Request, show: monitor.Show, limits: monitor.Limits, baud: int | None = None
) -> monitor.View:
    """Watches a project's board, or whatever is at the port of the request, until a limit is reached.

    Samples are run where the request gives some, and random ones on boards that are started here.
    """
    project = build.open_project(folder) if folder is not None else None
    payloads: list[bytes] = []
    if project is not None and (request.data is not None or measure.starts(project, request.place)):
        samples = request.load(modelfile.load(project.folder / "model.itr")).samples
        payloads = [measure.payload(sample) for sample in samples]
    layers = (
        [(str(layer["op"]), str(layer["name"])) for layer in project.document["layers"]] if project else []
    )
    with contextlib.closing(_attached(project, request.place, baud)) as link:
        return monitor.watch(
            Device(link),
            show,
            limits,
            payloads=payloads,
            layers=layers,
            check=functools.partial(measure.check_identity, project=project) if project else None,
        )


def _attached(project: Project | None, place: Place, baud: int | None) -> Link:
    if project is not None:
        return measure.connect(project, place, baud)
    port = awaited(functools.partial(choose_port, place, (), "a board"), place.wait)
    return SerialLink(port, baud or DEFAULT_BAUD)


def validate(
    folder: Path, request: Request, limits: gates.Limits, *, watcher: Watcher | None = None
) -> Document:
    """Builds and runs a project, checks limits. Raises UsageError when they cannot be checked."""
    watcher = watcher or Silent()
    watcher.stage("build")
    return gates.check(run_project(build_project(folder), request, watcher=watcher).document(), limits)


def profile(
    model: Path,
    board: Board,
    request: Request,
    *,
    rule: str | None = None,
    calibration: DataSource | None = None,
    options: Options | None = None,
    mixing: Mixing | None = None,
    budget: Budget | None = None,
    portable: Sequence[int] = (),
    patching: Patching | None = None,
    out: Path | None = None,
    watcher: Watcher | None = None,
) -> report.Run:
    """Model to measured run in one go.

    `out` gets run.json, layers.csv, outputs.npz and the firmware project `fw`. Missing tools are
    named before the work starts. When the build fails, its folder is kept for a look.
    """
    watcher = watcher or Silent()
    with contextlib.ExitStack() as stack:
        target = stack.enter_context(folders.replaced(out, files.RUN)) if out is not None else None
        if calibration is not None and mixing is not None:
            require_tools(board)  # before bits are searched for, which can take minutes
            chosen = mixed(model, calibration, mixing, board, rule, options, budget, patching, watcher)
            graph = chosen.graph
            watcher.note(precision.summary(chosen))
        else:
            graph = prepare(model, rule=rule, calibration=calibration, options=options, watcher=watcher)
        dataset = request.load(graph)
        require_tools(board)
        if request.oracle == "interpreter":
            oracle.version(graph.rule)
        watcher.stage(f"generate for {board.name}")
        program = fit(graph, board, budget, portable, patching)
        project = stack.enter_context(scratch.folder()) / "fw"
        codegen.write(program, board, project)
        original = None if calibration else original_file(model)
        reference = _expected(graph, dataset, request.oracle, original)
        watcher.stage("build")
        built = build_project(project, budget=budget)
        if not find_runner(board.runner.kind).starts_firmware:
            watcher.stage(f"flash {board.name}")
            watcher.note(flash_project(project, request.place))
        result = _run(built, dataset, reference, request, watcher)
        if request.feature_maps:
            found = diffing.run(built.project, graph, dataset.samples, 0, request.place, watcher)
            result = replace(result, differences=found)
        if target is not None:
            files.write(result, target)
        return result


def original_file(path: Path) -> bytes | None:
    """A `.tflite` file that computes what its canonical form does, for the interpreter; else None.

    Models with float activations and integer weights compute something else here, on purpose.
    """
    if path.suffix == ".itr":
        return None
    graph = tflite.load(path)
    return None if dynamic_range.run(graph).nodes != graph.nodes else path.read_bytes()


def require_tools(board: Board) -> None:
    """Raises EnvironmentMissing for the first tool that building for a board or running on it lacks."""
    for program, install in toolchain.missing(board):
        raise EnvironmentMissing(f"{program} is not installed; {board.name} needs it", hint=install)
    for name in ("cmake", "ninja"):
        build.tool(name)
    find_runner(board.runner.kind).check(board)


Expected = Background[tuple[str, list[list[Any]]]]


def _expected(graph: Graph, dataset: Dataset, which: str, original: bytes | None = None) -> Expected:
    """The reference's outputs, computed beside the build and the run."""
    return Background(lambda: exactness.reference(graph, dataset.samples, which, original=original))


def _run(
    built: Built, dataset: Dataset, reference: Expected, request: Request, watcher: Watcher
) -> report.Run:
    measured = _measure(built, dataset, request, watcher)
    watcher.stage("compare with the reference")
    name, expected = reference.result()
    rule = str(built.project.document["rule"])
    comparison = exactness.compare(rule, name, measured.outputs, expected)
    return report.Run(
        built,
        measured,
        comparison,
        accuracy.measure([outputs[0] for outputs in measured.outputs], dataset.labels),
        accuracy.measure([outputs[0] for outputs in expected], dataset.labels),
        expected,
        dataset,
        environment.describe(built, request.command),
    )


def _measure(built: Built, dataset: Dataset, request: Request, watcher: Watcher) -> measure.Measurement:
    watcher.stage(f"run on {built.project.board.name}")
    return measure.measure(
        built,
        dataset.samples,
        progress=watcher.progress,
        stream=watcher.frame if request.stream else None,
        place=request.place,
        resume=request.resume,
    )
