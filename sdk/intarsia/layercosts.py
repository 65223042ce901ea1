# SPDX-License-Identifier: Apache-2.0
"""What layers cost with fewer bits on a board: the instructions of the kernels that its firmware would have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from intarsia import ops
from intarsia.boards import Board
from intarsia.dtypes import FLOAT16, INT8
from intarsia.ir import ABSENT, Graph, Node, Tensor
from intarsia.ops._channels import kept_along
from intarsia.passes import constant_channels, half
from intarsia.plan import cost, lowering, patch
from intarsia.plan.branches import expand
from intarsia.plan.kernelcosts import UNMEASURED, Costs, Work, estimated, kind_of
from intarsia.plan.plan import Plan
from intarsia.quantize.layout import LAYERS
from intarsia.quantize.mixed import Bits
from intarsia.request import Objective
from intarsia.standin import narrowed
from intarsia_codegen import library
from intarsia_codegen import project as codegen
from intarsia_codegen.lower import lower
from intarsia_codegen.select import Selector

Progress = Callable[[int, int], None]
CHANNELS = 128
"""Output channels that are enough to know what each costs."""
PORTABLE_INT8, PORTABLE_HALF = 5.0, 10.0
"""Instructions for a MAC in portable C."""


def layer_costs(
    graph: Graph, board: Board, plan: Plan | None = None, objective: Objective = Objective.BALANCED
) -> Costs:
    """Costs for the search of bits in an int8 graph (`plan.kernelcosts`), in the patches of a plan.

    Generators tell the instructions of the kernels that they make, in branches for all branches together; classes share
    them by their MACs, and layers of one shape behind the patches have those of the first. A layer without a generated
    kernel costs what `plan.kernelcosts` says at 8 bits, and more below: portable C unpacks every code. For boards
    without generators for fewer bits the table says it all. Channels that never change cost nothing.
    """
    if not any(library.generators("conv_2d_packed", isa) for isa in board.target.isa):
        return estimated
    return _Asked(graph, board, plan, objective).cost


class _Asked:
    """What the generators of a board say, each question asked once."""

    def __init__(self, graph: Graph, board: Board, plan: Plan | None, objective: Objective) -> None:
        self.kept, self.board, self.plan, self.objective = (
            constant_channels.run(graph),
            board,
            plan,
            objective,
        )
        macs, whole = cost.macs(self.kept), cost.macs(graph)
        self.left = [own / all_ if all_ else 1.0 for own, all_ in zip(macs, whole, strict=True)]
        self.patched = plan.split_after + 1 if plan and plan.split_after is not None else 0
        self.known: dict[object, float | None] = {}

    def cost(self, work: Work, weights: int, inputs: Sequence[int], output: int) -> float:
        bits = (weights, *inputs, output)
        form = work.layer if work.layer < self.patched else _form(self.kept, work.layer)
        key = (form, bits)
        if key not in self.known:
            self.known[key] = self.each(work.layer, weights, tuple(inputs), output)
        share = self.known[key]
        if share is not None:
            return share * self.left[work.layer] * work.macs
        eights = estimated(work, 8, (8,) * len(inputs), 8)
        return eights / (1.0 if {*bits} == {8} else UNMEASURED)

    def each(self, layer: int, weights: int, inputs: tuple[int, ...], output: int) -> float | None:
        """Instructions for a MAC, or for a value that is written where there are none; None where no kernel is
        generated."""
        if layer < self.patched:
            return self.in_patches(layer, weights, inputs, output)
        return instructions_each(
            _alone(self.kept, layer, weights, inputs, output), self.board, self.objective
        )

    def in_patches(self, layer: int, weights: int, inputs: tuple[int, ...], output: int) -> float | None:
        """`each` of a layer that runs patch by patch."""
        assert self.plan is not None
        node = self.kept.nodes[layer]
        narrow = narrowed(self.kept, _bits(self.kept, layer, layer, weights, inputs, output))
        if ops.registry()[node.op].unsupported(node, narrow) is not None:
            return None
        tiling = patch.tiling(narrow, self.plan)
        branches = expand(tiling)
        calls = lowering.own_calls(branches, layer)
        amount = sum(_amount(g.nodes[branches.nodes_of(layer)[-1]], g) for g in branches.graphs)
        selector, total = Selector(self.board.target.isa, self.objective), 0
        for number, call in enumerate(calls):
            kernel = selector.choose(call, f"asked_{layer}_{number}").generated
            if kernel is None:
                return None
            total += kernel.cost * (1 if call.variants else len(branches.graphs))
        return total / amount if amount else None


def looked_up(
    graph: Graph, costs: Costs, widths: Sequence[int], inputs: Sequence[int], progress: Progress
) -> None:
    """Asks for the costs that a search with these bits of weights and of maps needs most, so that they are known then:
    those of layers that write as many bits as they read."""
    layers = [i for i, node in enumerate(graph.nodes) if node.op in LAYERS]
    for done, layer in enumerate(layers):
        progress(done, len(layers))
        work = Work(layer, kind_of(graph.nodes[layer], graph), 1)
        for weight_bits in {8, *widths}:
            for bits in {8, *inputs}:
                costs(work, weight_bits, (bits,), bits)


def half_costs(int8: Graph, halves: Graph, board: Board | None) -> dict[str, float]:
    """Instructions that each layer takes more in half precision than in int8, by the name of what it makes.

    `int8` is a network without half precision, `halves` the same with all of it. Without a board, and for layers of
    portable C, by what a MAC takes there.
    """
    isas = board.target.isa if board else (library.PORTABLE,)
    plain, narrow = _instructions(int8, isas), _instructions(halves, isas)
    found = {
        name.removesuffix(half.SUFFIX): count for name, count in narrow.items() if name.endswith(half.SUFFIX)
    }
    return {name: count - plain.get(name, 0.0) for name, count in found.items()}


def _instructions(graph: Graph, isas: Sequence[str]) -> dict[str, float]:
    """Of every layer, by the name of what it makes."""
    counts = {}
    for layer in lower(graph, isas).layers:
        output = graph.output(layer.node)
        each = PORTABLE_HALF if output.dtype == FLOAT16 else PORTABLE_INT8
        counts[output.name] = sum(
            float(kernel.generated.cost)
            if kernel.generated
            else each * max(kernel.call.macs, output.elements)
            for kernel in layer.kernels
        )
    return counts


def instructions_each(alone: Graph, board: Board, objective: Objective = Objective.BALANCED) -> float | None:
    """Instructions of a graph of one layer by its MACs, or by the values that it writes where it has none; None where
    no kernel is generated for it."""
    node = alone.nodes[0]
    if ops.registry()[node.op].unsupported(node, alone) is not None:
        return None
    program = codegen.lower_for(alone, board, objective=objective)
    kernels = [chosen.generated for made in program.layers for chosen in made.kernels]
    generated = [kernel for kernel in kernels if kernel is not None]
    amount = _amount(node, alone)
    known = amount > 0 and len(generated) == len(kernels)
    return sum(kernel.cost for kernel in generated) / amount if known else None


def _amount(node: Node, graph: Graph) -> int:
    """MACs of a layer with weights, and the values that any other writes."""
    if node.op in LAYERS:
        return ops.registry()[node.op].macs(node, graph)
    return graph.output(node).elements


def _form(graph: Graph, layer: int) -> object:
    """What the instructions of a layer depend on, but for what its constants allow."""
    node = graph.nodes[layer]
    return node.op, node.attrs, tuple(graph.tensor(i).shape for i in (*node.inputs[:2], *node.outputs))


def _alone(graph: Graph, layer: int, weights: int, inputs: tuple[int, ...], output: int) -> Graph:
    """A graph of one layer with these bits, and with no more channels than it takes to know what one costs."""
    node = graph.nodes[layer]
    maps = tuple(dict.fromkeys(i for i in node.inputs if i != ABSENT and not graph.tensor(i).is_constant))
    tensors = _fewer_channels(graph, node) if node.op in LAYERS else graph.tensors
    one = Graph(f"layer{layer}", tuple(tensors), (node,), maps, node.outputs, graph.rule)
    return narrowed(one, _bits(one, 0, 0, weights, inputs, output))


def _bits(graph: Graph, layer: int, place: int, weights: int, inputs: tuple[int, ...], output: int) -> Bits:
    """Bits of the maps around a layer, and of its weights as those of node `place`."""
    node = graph.nodes[layer]
    sources = [i for i in node.inputs if i != ABSENT and not graph.tensor(i).is_constant]
    pairs = (*zip(sources, inputs, strict=True), (node.outputs[0], output))
    maps = {index: bits for index, bits in pairs if bits < 8 and graph.tensor(index).dtype == INT8}
    return Bits(maps, {place: weights} if weights < 8 else {})


def _fewer_channels(graph: Graph, node: Node) -> list[Tensor]:
    """The tensors of a graph, those of one layer with its first `CHANNELS` output channels."""
    tensors, output = list(graph.tensors), graph.output(node)
    single = node.op == "DEPTHWISE_CONV_2D" and output.shape[-1] == graph.required(node, 0).shape[-1]
    if node.op == "DEPTHWISE_CONV_2D" and not single:
        return tensors
    kept = np.arange(output.shape[-1]) < CHANNELS
    constants = [(node.inputs[1], 3 if single else 0)]
    constants += [(index, 0) for index in node.inputs[2:3] if index != ABSENT]
    for index, axis in constants:
        tensors[index] = kept_along(tensors[index], kept, axis)
    for index in (*node.outputs, *(node.inputs[:1] if single else ())):
        shape = graph.tensor(index).shape
        tensors[index] = replace(tensors[index], shape=(*shape[:-1], int(kept.sum())))
    return tensors
