# SPDX-License-Identifier: Apache-2.0
"""The stages strung together: one function per verb, and nothing else knows their order."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from intarsia import (
    accuracy,
    analyze,
    build,
    diffing,
    environment,
    exactness,
    farm,
    folders,
    importers,
    measure,
    modelfile,
    monitor,
    oracle,
    scratch,
    simulation,
    toolchain,
)
from intarsia.background import Background
from intarsia.boards import DEFAULT_BAUD, Board
from intarsia.build import Built, Project
from intarsia.data import Dataset
from intarsia.device import Device
from intarsia.errors import EnvironmentMissing
from intarsia.ir import Graph
from intarsia.models import DEFAULT_RULE, canonical, load_model, needs_quantization, original_file
from intarsia.plan.plan import Plan
from intarsia.planning import fit, own_plan, plan_for
from intarsia.quantizing import Quantized, prepare, quantize_file, quantize_model, quantized
from intarsia.report import files, gates, precision
from intarsia.report import run as report
from intarsia.report.document import Document
from intarsia.request import Budget, Objective, Patching, Recipe, Request, Silent, Watcher
from intarsia.runners import ANYWHERE, Link, Place, find_runner
from intarsia.runners._places import awaited, choose_port
from intarsia.runners._serial import SerialLink
from intarsia_codegen import estimates, libraries, library
from intarsia_codegen import project as codegen
from intarsia_codegen.harness import Harness
from intarsia_codegen.lower import Program, lower

__all__ = [
    "Quantized",
    "analyze_model",
    "build_project",
    "fit",
    "flash_project",
    "generate",
    "load_model",
    "measure_project",
    "needs_quantization",
    "original_file",
    "plan_for",
    "prepare",
    "profile",
    "quantize_file",
    "quantize_model",
    "quantized",
    "require_tools",
    "run_project",
    "validate",
]


def analyze_model(path: Path, board: Board | None = None, *, rule: str | None = None) -> analyze.Analysis:
    """Layers, operators that are not supported, and memory before anything is compiled.

    With a board the arena is exactly that of its firmware; without, that of portable kernels. Raises
    ModelError for files that cannot be read at all.
    """
    if path.suffix == ".itr":
        graph = load_model(path, rule=rule)
    else:
        graph = importers.load(path, rule=rule or DEFAULT_RULE, partial=True)
        faults = analyze.faults(graph)
        if any(faults):
            return analyze.Analysis(graph.name, graph.rule, board, analyze.layers(graph, faults), None)
        graph = canonical(graph)
    plan = own_plan(graph, Patching()) if graph.classes else None
    isas = board.target.isa if board else [library.PORTABLE]
    program = lower(graph, isas, plan=plan)
    fullest = codegen.fullest_layer(program)
    arena = analyze.arena(
        program.placement,
        program.buffers,
        None if fullest is None else fullest.index,
        lambda name: codegen.buffer_name(program, name),
    )
    goals = tuple(_goal(graph, board, plan, objective) for objective in Objective) if board else ()
    return analyze.Analysis(graph.name, graph.rule, board, analyze.layers(graph), arena, goals)


def _goal(graph: Graph, board: Board, plan: Plan | None, objective: Objective) -> analyze.Goal:
    program = codegen.lower_for(graph, board, plan=plan, objective=objective)
    found = estimates.estimate(program)
    return analyze.Goal(objective.value, found.flash, found.instructions, program.arena_bytes)


def generate(
    graph: Graph,
    board: Board,
    out: Path,
    *,
    budget: Budget | None = None,
    portable: Sequence[int] = (),
    patching: Patching | None = None,
    plan: Plan | None = None,
    harness: Harness | None = None,
    library_format: str | None = None,
    arena_section: str | None = None,
) -> Program:
    """Writes the firmware project, or a library for another build system where its name is given. The arena goes to the
    linker's section `arena_section`.

    Raises as `fit` and `Harness.header`, before anything is written.
    """
    program = replace(fit(graph, board, budget, portable, patching, plan), arena_section=arena_section)
    if library_format is not None:
        libraries.formats()[library_format].write(program, board, out)
    else:
        codegen.write(program, board, out, harness)
    return program


def build_project(folder: Path, *, budget: Budget | None = None, jobs: int | None = None) -> Built:
    """Builds a project and checks its exact sizes against the budget."""
    budget = budget or Budget()
    return build.build(folder, ram=budget.ram, flash=budget.flash, jobs=jobs)


def flash_project(folder: Path, place: Place = ANYWHERE, *, watcher: Watcher | None = None) -> str:
    """Writes a built firmware to its board and says what was done. Raises as `farm.held` and `Runner.flash`."""
    project = build.open_project(folder)
    with farm.held(place, project.board, watcher or Silent()) as found:
        return find_runner(project.board.runner.kind).flash(project.elf, project.board, found)


def run_project(built: Built, request: Request, *, watcher: Watcher | None = None) -> report.Run:
    """Runs a built project on the samples and compares it with the reference of its rule."""
    graph, watcher = modelfile.load(built.project.folder / "model.itr"), watcher or Silent()
    dataset = request.load(graph)
    reference = _expected(graph, dataset, request.oracle)
    with _at_place(built.project, request, watcher) as asked:
        return _run(built, dataset, reference, asked, watcher)


def measure_project(built: Built, request: Request, *, watcher: Watcher | None = None) -> measure.Measurement:
    """Runs a built project on the samples, without a comparison."""
    watcher = watcher or Silent()
    dataset = request.load(modelfile.load(built.project.folder / "model.itr"))
    with _at_place(built.project, request, watcher) as asked:
        return _measure(built, dataset, asked, watcher)


@contextlib.contextmanager
def _at_place(project: Project, request: Request, watcher: Watcher) -> Iterator[Request]:
    """The request, at the place of a farm that it asks for: reserved, and flashed, since others use it in between."""
    with farm.held(request.place, project.board, watcher) as place:
        if request.place.farm is not None:
            _flash(project, place, watcher)
        yield replace(request, place=place)


def _flash(project: Project, place: Place, watcher: Watcher) -> None:
    watcher.stage(f"flash {project.board.name}")
    watcher.note(find_runner(project.board.runner.kind).flash(project.elf, project.board, place))


def watch(
    folder: Path | None,
    request: Request,
    show: monitor.Show,
    limits: monitor.Limits,
    baud: int | None = None,
    *,
    watcher: Watcher | None = None,
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
    with contextlib.ExitStack() as stack:
        place = request.place
        if project is not None:
            place = stack.enter_context(farm.held(place, project.board, watcher or Silent()))
        link = stack.enter_context(contextlib.closing(_attached(project, place, baud)))
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
    recipe: Recipe | None = None,
    *,
    portable: Sequence[int] = (),
    out: Path | None = None,
    watcher: Watcher | None = None,
) -> report.Run:
    """Model to measured run in one go.

    `recipe` says how the model is quantized, for which memory, and whether patch by patch. `out` gets run.json,
    layers.csv, outputs.npz and the firmware project `fw`. Missing tools are named before the work starts. When the
    build fails, its folder is kept for a look.
    """
    watcher, recipe = watcher or Silent(), recipe or Recipe()
    with contextlib.ExitStack() as stack:
        target = stack.enter_context(folders.replaced(out, files.RUN)) if out is not None else None
        if recipe.mixing is not None or recipe.patching.file is not None:
            require_tools(board, request.place)  # before bits are searched for, which can take minutes
        made = quantized(model, recipe, board, watcher=watcher)
        graph = made.graph
        if made.precision is not None:
            watcher.note(precision.summary(made.precision))
        dataset = request.load(graph)
        require_tools(board, request.place)
        if request.oracle == "interpreter":
            oracle.version(graph.rule)
        watcher.stage(f"generate for {board.name}")
        program = fit(graph, board, recipe.budget, portable, recipe.patching, made.plan)
        project = stack.enter_context(scratch.folder()) / "fw"
        codegen.write(program, board, project)
        changed = recipe.calibration is not None or recipe.options.half != "off"
        original = None if changed else original_file(model)
        reference = _expected(graph, dataset, request.oracle, original)
        watcher.stage("build")
        built = build_project(project, budget=recipe.budget)
        request = replace(request, place=stack.enter_context(farm.held(request.place, board, watcher)))
        if not find_runner(board.runner.kind).starts_firmware:
            _flash(built.project, request.place, watcher)
        result = _run(built, dataset, reference, request, watcher)
        if request.feature_maps:
            found = diffing.run(built.project, graph, dataset.samples, 0, request.place, watcher)
            result = replace(result, differences=found)
        if target is not None:
            files.write(result, target)
        return result


def require_tools(board: Board, place: Place = ANYWHERE) -> None:
    """Raises EnvironmentMissing for the first tool that building for a board or running on it lacks.

    What flashes a board of a farm may be elsewhere.
    """
    for program, install in toolchain.missing(board):
        raise EnvironmentMissing(f"{program} is not installed; {board.name} needs it", hint=install)
    for name in ("cmake", "ninja"):
        build.tool(name)
    if place.farm is None:
        find_runner(board.runner.kind).check(board)
    else:
        farm.check(board)


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
    project = built.project
    simulation.prepare(project.board, watcher)
    watcher.stage(f"run on {project.board.name}")
    if (note := simulation.announcement(project, len(dataset.samples))) is not None:
        watcher.note(note)
    return measure.measure(
        built,
        dataset.samples,
        progress=watcher.progress,
        stream=watcher.frame if request.stream else None,
        place=request.place,
        resume=request.resume,
    )
