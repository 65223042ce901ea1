# SPDX-License-Identifier: Apache-2.0
"""The stages of `intarsia diff`: build a firmware that shows its feature maps, run one sample, compare."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from intarsia import build, check, farm, measure, modelfile, scratch, simulation, stitching
from intarsia.build import Project
from intarsia.difference import Comparison, Differences
from intarsia.errors import UsageError
from intarsia.ir import Graph
from intarsia.passes import constant_channels
from intarsia.plan import patch, planfile
from intarsia.plan.plan import Plan
from intarsia.request import Objective, Request, Silent, Watcher
from intarsia.runners import Place, find_runner
from intarsia_codegen import project as codegen


def diff(
    folder: Path,
    request: Request,
    sample: int,
    portable: Sequence[int] = (),
    *,
    watcher: Watcher | None = None,
) -> Differences:
    """Runs one sample of the request's data with every feature map dumped, and compares layer by layer.

    With `portable` layers, the project is generated afresh in a scratch folder, those layers in portable C: changes
    that were made to its files by hand are not in it. Raises UsageError when there is no such sample or layer.
    """
    watcher = watcher or Silent()
    project = build.open_project(folder)
    graph = modelfile.load(project.folder / "model.itr")
    samples = request.load(graph).samples
    if sample >= len(samples):
        raise UsageError(f"there is no sample {sample}", hint=f"the data have 0 to {len(samples) - 1}")
    if not portable:
        return run(project, graph, samples, sample, request.place, watcher)
    check.check_layers(graph, portable)
    watcher.stage("generate")
    with scratch.folder() as place:
        afresh = _afresh(project, graph, portable, place)
        return run(afresh, graph, samples, sample, request.place, watcher)


def run(
    project: Project,
    graph: Graph,
    samples: Sequence[Sequence[np.ndarray]],
    sample: int,
    place: Place,
    watcher: Watcher,
) -> Differences:
    """Builds the project's second firmware, runs one of the samples on it and compares."""
    board, plan = project.board, _plan(project)
    watcher.stage("build with feature maps shown")
    dumping = build.build_dumping(project.folder)
    graph = constant_channels.run(graph)  # what the firmware computes
    tiling = patch.tiling(graph, plan) if plan is not None and plan.patched else None
    members = stitching.members_of(graph, [x[None] for x in samples[sample]])[0] if graph.classes else ()
    comparison = Comparison(graph, tiling, tuple(members))
    with farm.held(place, board, watcher) as found:
        dump = _dumped(dumping, samples[sample], comparison, found, watcher)
    watcher.stage("compare feature maps with the reference")
    layers = comparison.compare(samples[sample], dump)
    return Differences(str(project.document["model"]), board.name, graph.rule, sample, layers)


def _dumped(
    project: Project, sample: Sequence[np.ndarray], comparison: Comparison, place: Place, watcher: Watcher
) -> list[bytes]:
    """Bytes of every feature map that is compared, from the device, which is flashed first."""
    board, runner = project.board, find_runner(project.board.runner.kind)
    if not runner.starts_firmware:
        watcher.stage(f"flash {board.name}")
        watcher.note(runner.flash(project.elf, board, place))
    simulation.prepare(board, watcher)
    watcher.stage(f"run on {board.name}")
    return measure.dump(project, sample, comparison.shown, place=place)


def _plan(project: Project) -> Plan | None:
    document = project.document["plan"]
    return None if document is None else planfile.from_json(document)


def _afresh(project: Project, graph: Graph, portable: Sequence[int], folder: Path) -> Project:
    """The project made again, with these layers in portable C."""
    program = codegen.lower_for(
        graph,
        project.board,
        portable=portable,
        plan=_plan(project),
        objective=Objective(project.document["optimize"]),
        external=project.document["io"] == "external",
    )
    codegen.write(program, project.board, folder / "fw")
    return build.open_project(folder / "fw")
