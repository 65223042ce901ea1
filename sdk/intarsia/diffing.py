# SPDX-License-Identifier: Apache-2.0
"""The stages of `intarsia diff`: build a firmware that shows its feature maps, run one sample, compare."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from intarsia import build, difference, measure, modelfile
from intarsia.build import Project
from intarsia.errors import UsageError
from intarsia.ir import Graph
from intarsia.pipeline import check_layers, scratch
from intarsia.plan import plan as plans
from intarsia.plan.plan import Plan
from intarsia.request import Request, Silent, Watcher
from intarsia.runners import find_runner
from intarsia_codegen import project as codegen


def diff(
    folder: Path,
    request: Request,
    sample: int,
    portable: Sequence[int] = (),
    *,
    watcher: Watcher | None = None,
) -> difference.Differences:
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
    plan = None if project.document["plan"] is None else plans.from_json(project.document["plan"])
    split = None if plan is None else plan.split_after
    with contextlib.ExitStack() as stack:
        if portable:
            check_layers(graph, portable)
            watcher.stage("generate")
            folder = _afresh(project, graph, portable, plan, stack.enter_context(scratch()))
        watcher.stage("build with feature maps shown")
        dumping = build.build_dumping(folder)
        runner = find_runner(project.board.runner.kind)
        if not runner.starts_firmware:
            watcher.stage(f"flash {project.board.name}")
            watcher.note(runner.flash(dumping.elf, project.board, request.place))
        watcher.stage(f"run on {project.board.name}")
        maps = difference.maps(graph, split)
        dump = measure.dump(dumping, samples[sample], maps, place=request.place)
    watcher.stage("compare with the reference")
    return difference.Differences(
        str(project.document["model"]),
        project.board.name,
        graph.rule,
        sample,
        split or 0,
        difference.compare(graph, samples[sample], dump),
    )


def _afresh(project: Project, graph: Graph, portable: Sequence[int], plan: Plan | None, folder: Path) -> Path:
    program = codegen.lower_for(graph, project.board, portable=portable, plan=plan)
    codegen.write(program, project.board, folder / "fw")
    return folder / "fw"
