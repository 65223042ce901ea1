# SPDX-License-Identifier: Apache-2.0
"""A firmware program: chosen kernels and an arena with every buffer's place."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from intarsia.ir import Graph, Node, Tensor
from intarsia.kernelcall import Alias
from intarsia.plan import memory
from intarsia.plan.lowering import Stage1
from intarsia.plan.plan import Plan
from intarsia_codegen.select import Chosen
from intarsia_codegen.states import States


@dataclass(frozen=True, eq=False)
class Layer:
    """One node of the graph and the kernels that compute it (none when it only renames memory).

    In a layer that runs patch by patch, the kernels are those of one branch: crops of its inputs first, the copy of
    the patch into the split map last; `macs` is the sum over the branches.
    """

    index: int
    node: Node
    macs: int
    kernels: tuple[Chosen, ...]
    aliases: tuple[Alias, ...]

    @property
    def scratch(self) -> int:
        return max((kernel.scratch or 0 for kernel in self.kernels), default=0)


@dataclass(frozen=True, eq=False)
class Program:
    """A firmware program. `placement` has the offset of each tensor (`t<index>`) and scratch (`s<layer>`).

    With a `plan` that has patches, `stage` is what runs patch by patch: the first layers.
    """

    graph: Graph
    identifier: str
    layers: tuple[Layer, ...]
    buffers: tuple[memory.Buffer, ...]
    placement: memory.Placement
    plan: Plan | None = None
    stage: Stage1 | None = None

    @cached_property
    def states(self) -> States:
        """Memory beside the arena that is kept between inferences."""
        return States.of(self.graph)

    def tensor(self, index: int) -> Tensor:
        """A tensor of the graph, or of the first branch."""
        if index < len(self.graph.tensors) or self.stage is None:
            return self.graph.tensor(index)
        return self.stage.branches.graphs[0].tensor(index)

    def offset(self, tensor: int) -> int:
        """Arena offset of a feature map in bytes."""
        return self.placement.offsets[f"t{tensor}"]

    def scratch_offset(self, layer: int) -> int:
        return self.placement.offsets[f"s{layer}"]

    @property
    def reads_patches(self) -> bool:
        """Whether the input lies outside and is pulled patch by patch."""
        return self.stage is not None and self.stage.tiling.input_mode == "reader"

    @property
    def arena_bytes(self) -> int:
        return self.placement.total
