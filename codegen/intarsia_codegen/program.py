# SPDX-License-Identifier: Apache-2.0
"""A firmware program: chosen kernels and an arena with every buffer's place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from intarsia.ir import Graph, Node, Tensor
from intarsia.kernelcall import Alias
from intarsia.plan import arena, memory
from intarsia.plan.lowering import Stages
from intarsia.plan.plan import Plan
from intarsia.request import Objective
from intarsia_codegen.select import Chosen
from intarsia_codegen.states import States


@dataclass(frozen=True, eq=False)
class Layer:
    """One node of the graph and the kernels that compute it (none when it only renames memory).

    In a layer that runs patch by patch, the kernels are those of one branch: crops of its inputs first, the copy of
    the patch into the split map last; `macs` is the sum over the branches of its class. `label` begins the names of
    what belongs to it in C; `scope` is that of the class in names of buffers.
    """

    index: int
    node: Node
    macs: int
    kernels: tuple[Chosen, ...]
    aliases: tuple[Alias, ...]
    label: str
    scope: str = ""

    @property
    def labelled(self) -> list[tuple[Chosen, str]]:
        """The kernels, each with the stem of the names of its parameters and constants."""
        several = len(self.kernels) > 1
        return [
            (kernel, f"{self.label}_{k}" if several else self.label) for k, kernel in enumerate(self.kernels)
        ]


@dataclass(frozen=True, eq=False)
class Program:
    """A firmware program. `placement` has the offset of each tensor (`t<index>`) and scratch (`s<layer>`).

    `graph` is what the firmware computes; `model` is the network that it stands for, where that has channels that never
    change and are left out. Kernels were chosen by `objective`. With a `plan` that has patches, `stages` are the layers
    that run patch by patch, `forms` their layers for each class of patches, and `behind` the others; otherwise all
    layers are in `behind`. `external` names, by tensor, the pointers to what lies in the memory of the caller;
    `arena_section` is the linker's name for the memory of the arena (None: that of the board).
    """

    graph: Graph
    identifier: str
    forms: tuple[tuple[Layer, ...], ...]
    behind: tuple[Layer, ...]
    buffers: tuple[memory.Buffer, ...]
    placement: memory.Placement
    plan: Plan | None = None
    stages: Stages | None = None
    model: Graph | None = None
    objective: Objective = Objective.BALANCED
    external: Mapping[int, str] = field(default_factory=dict)
    arena_section: str | None = None

    @property
    def network(self) -> Graph:
        """The network as the user gave it, with all its channels."""
        return self.model or self.graph

    @property
    def code(self) -> tuple[Layer, ...]:
        """All that is called, class by class, then what lies behind the split."""
        return (*(layer for form in self.forms for layer in form), *self.behind)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """One for each node of the graph, with the kernels of all classes. A patch runs in one form: where a rule
        decides, all forms count the MACs of all patches."""
        together = (self._together(several) for several in zip(*self.forms, strict=True))
        return (*together, *self.behind)

    def _together(self, several: tuple[Layer, ...]) -> Layer:
        count = len(several) if self.stages is not None and self.stages.decided else 1
        return replace(
            several[0],
            macs=sum(layer.macs for layer in several) // count,
            kernels=tuple(kernel for layer in several for kernel in layer.kernels),
        )

    @cached_property
    def states(self) -> States:
        """Memory beside the arena that is kept between inferences."""
        return States.of(self.graph)

    def tensor(self, index: int) -> Tensor:
        """A tensor of the graph, or of the first branch of a class."""
        return self.stages.form_of(index).tensor(index) if self.stages else self.graph.tensor(index)

    def offset(self, tensor: int) -> int:
        """Arena offset of a feature map in bytes."""
        return self.placement.offsets[f"t{tensor}"]

    @property
    def lends(self) -> bool:
        """Whether the measuring firmware needs memory for inputs or outputs beside the arena."""
        return self.reads_patches or bool(self.external)

    def place(self, tensor: int, kind: str) -> str:
        """A C expression of where a feature map or state lies, as a pointer to `kind`."""
        if tensor in self.external:
            return f"(({kind} *){self.external[tensor]})"
        if tensor in self.states.offsets:
            return f"STATE({kind}, {self.states.offsets[tensor]})"
        return f"AT({kind}, {self.offset(tensor)})"

    def scratch_offset(self, layer: Layer) -> int:
        return self.placement.offsets[f"s{layer.index}{layer.scope}"]

    @property
    def reads_patches(self) -> bool:
        """Whether the input lies outside and is pulled patch by patch."""
        return self.stages is not None and self.stages.tiling.input_mode == "reader"

    @property
    def arena_bytes(self) -> int:
        return self.placement.total


def task(layer: Layer, states: States) -> arena.Task:
    """What a layer does to the arena; states lie beside it, whatever a kernel could do in place."""
    uses = [(kernel.scratch, _in_arena(kernel, states)) for kernel in layer.kernels]
    calls = [kernel.call for kernel in layer.kernels]
    done = arena.task(layer.index, calls, uses, layer.aliases, layer.node)
    return replace(done, writes=tuple(t for t in done.writes if t not in states.offsets))


def _in_arena(kernel: Chosen, states: States) -> tuple[tuple[int, int], ...]:
    """In-place pairs of a kernel that are no states."""
    call = kernel.call
    return tuple(
        (a, b)
        for a, b in kernel.inplace
        if states.offsets.keys().isdisjoint((call.inputs[a], call.outputs[b]))
    )
