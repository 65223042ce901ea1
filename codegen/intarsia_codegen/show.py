# SPDX-License-Identifier: Apache-2.0
"""Which memory a firmware shows to the host after each layer, when it is built for `intarsia diff`."""

from __future__ import annotations

from dataclasses import dataclass

from intarsia.plan.lowering import Stage1
from intarsia_codegen.program import Layer, Program


@dataclass(frozen=True)
class Shown:
    """Memory of a feature map, as a C expression; in a layer that runs patch by patch as much as the largest patch
    takes."""

    place: str
    bytes: int


def shown(program: Program, layer: Layer, form: Stage1 | None) -> list[Shown]:
    """Outputs of a layer; of the last one that runs patch by patch (in a `form`) the patch, before it is stitched."""
    if form is None:
        return [_whole(program, tensor) for tensor in layer.node.outputs]
    split = form.tiling.head.tensor
    made = [form.number(form.branches.patch if t == split else t) for t in layer.node.outputs]
    return [Shown(program.place(tensor, "const void"), form.size(tensor)) for tensor in made]


def stitched(program: Program) -> Shown | None:
    """The split map, once all patches are in it; None when nothing runs patch by patch."""
    return None if program.stages is None else _whole(program, program.stages.tiling.head.tensor)


def _whole(program: Program, tensor: int) -> Shown:
    return Shown(program.place(tensor, "const void"), program.graph.tensor(tensor).bytes)
