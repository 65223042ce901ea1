# SPDX-License-Identifier: Apache-2.0
"""What layers cost with fewer bits on a board: the instructions of the kernels that its firmware would have."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from intarsia import ops
from intarsia.boards import Board
from intarsia.dtypes import FLOAT16, INT8
from intarsia.ir import ABSENT, Graph, Node, Tensor
from intarsia.ops._channels import kept_along
from intarsia.passes import constant_channels, half
from intarsia.plan import cost
from intarsia.plan.kernelcosts import UNMEASURED, Costs, Work, estimated, kind_of
from intarsia.quantize.layout import LAYERS
from intarsia.quantize.mixed import Bits
from intarsia.standin import narrowed
from intarsia_codegen import library
from intarsia_codegen import project as codegen
from intarsia_codegen.lower import lower

Progress = Callable[[int, int], None]
CHANNELS = 128
"""Output channels that are enough to know what each costs."""


PORTABLE_INT8, PORTABLE_HALF = 5.0, 10.0
"""Instructions for a MAC in portable C."""


def layer_costs(graph: Graph, board: Board) -> Costs:
    """Costs for the search of bits in an int8 graph (`plan.kernelcosts`).

    Generators tell the instructions of the kernel that they make. The output has the bits of the input, a layer's
    branches share its instructions by their MACs, and layers of one shape have those of the first. A layer without a
    generated kernel costs what the table of `plan.kernelcosts` says at 8 bits, and more below: portable C unpacks every
    code. For boards without generators for fewer bits the table says it all. Channels that never change cost nothing.
    """
    if not any(library.generators("conv_2d_packed", isa) for isa in board.target.isa):
        return estimated

    kept = constant_channels.run(graph)
    left = [
        own / whole if whole else 1.0 for own, whole in zip(cost.macs(kept), cost.macs(graph), strict=True)
    ]

    known: dict[object, float | None] = {}

    def alike(layer: int, weight_bits: int, input_bits: int) -> float | None:
        key = (_form(kept, layer), weight_bits, input_bits)
        if key not in known:
            known[key] = instructions_per_mac(_alone(kept, layer, weight_bits, input_bits), board)
        return known[key]

    @functools.cache
    def per_mac(layer: int, weight_bits: int, input_bits: int) -> float | None:
        share = alike(layer, weight_bits, input_bits)
        return None if share is None else share * left[layer]

    def costs(work: Work, weight_bits: int, input_bits: int) -> float:
        share = per_mac(work.layer, weight_bits, input_bits)
        if share is not None:
            return share * work.macs
        return estimated(work, 8, 8) / (1.0 if (weight_bits, input_bits) == (8, 8) else UNMEASURED)

    return costs


def looked_up(
    graph: Graph, costs: Costs, widths: Sequence[int], inputs: Sequence[int], progress: Progress
) -> None:
    """Asks for every cost that a search with these bits of weights and of maps can need, so that it is known then."""
    layers = [i for i, node in enumerate(graph.nodes) if node.op in LAYERS]
    for done, layer in enumerate(layers):
        progress(done, len(layers))
        work = Work(layer, kind_of(graph.nodes[layer], graph), 1)
        for weight_bits in {8, *widths}:
            for input_bits in {8, *inputs}:
                costs(work, weight_bits, input_bits)


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


def instructions_per_mac(alone: Graph, board: Board) -> float | None:
    """Instructions of a graph of one layer by its MACs; None where no kernel is generated for it."""
    node = alone.nodes[0]
    operator = ops.registry()[node.op]
    macs = operator.macs(node, alone)
    if macs == 0 or operator.unsupported(node, alone) is not None:
        return None
    kernels = [chosen.generated for made in codegen.lower_for(alone, board).layers for chosen in made.kernels]
    generated = [kernel for kernel in kernels if kernel is not None]
    return (
        sum(kernel.cost for kernel in generated) / macs
        if generated and len(generated) == len(kernels)
        else None
    )


def _form(graph: Graph, layer: int) -> object:
    """What the instructions of a layer depend on, but for what its constants allow."""
    node = graph.nodes[layer]
    return node.op, node.attrs, tuple(graph.tensor(i).shape for i in (*node.inputs[:2], *node.outputs))


def _alone(graph: Graph, layer: int, weight_bits: int, input_bits: int) -> Graph:
    """A graph of one layer with these bits, and with no more channels than it takes to know what one costs."""
    node = graph.nodes[layer]
    one = Graph(
        f"layer{layer}",
        tuple(_fewer_channels(graph, node)),
        (node,),
        (node.inputs[0],),
        node.outputs,
        graph.rule,
    )
    ends = (node.inputs[0], node.outputs[0]) if input_bits < 8 else ()
    maps = {index: input_bits for index in ends if one.tensor(index).dtype == INT8}
    return narrowed(one, Bits(maps, {0: weight_bits} if weight_bits < 8 else {}))


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
