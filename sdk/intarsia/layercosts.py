# SPDX-License-Identifier: Apache-2.0
"""What layers cost with fewer bits on a board: the instructions of the kernels that its firmware would have."""

from __future__ import annotations

import functools

from intarsia import ops
from intarsia.boards import Board
from intarsia.dtypes import INT8
from intarsia.ir import Graph
from intarsia.passes import constant_channels
from intarsia.plan import cost
from intarsia.plan.kernelcosts import UNMEASURED, Costs, Work, estimated
from intarsia.precisionplan import shifted
from intarsia_codegen import library
from intarsia_codegen import project as codegen


def layer_costs(graph: Graph, board: Board) -> Costs:
    """Costs for the search of bits in an int8 graph (`plan.kernelcosts`).

    Generators tell the instructions of the kernel that they make. The output has the bits of the input, and a layer's
    branches share its instructions by their MACs. A layer without a generated kernel costs what the table of
    `plan.kernelcosts` says at 8 bits, and more below: portable C unpacks every code. For boards without generators for
    fewer bits the table says it all. Channels that never change cost nothing.
    """
    if not any(library.generators("conv_2d_packed", isa) for isa in board.target.isa):
        return estimated

    kept = constant_channels.run(graph)
    left = [
        own / whole if whole else 1.0 for own, whole in zip(cost.macs(kept), cost.macs(graph), strict=True)
    ]

    @functools.cache
    def per_mac(layer: int, weight_bits: int, input_bits: int) -> float | None:
        share = instructions_per_mac(_alone(kept, layer, weight_bits, input_bits), board)
        return None if share is None else share * left[layer]

    def costs(work: Work, weight_bits: int, input_bits: int) -> float:
        share = per_mac(work.layer, weight_bits, input_bits)
        if share is not None:
            return share * work.macs
        return estimated(work, 8, 8) / (1.0 if (weight_bits, input_bits) == (8, 8) else UNMEASURED)

    return costs


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


def _alone(graph: Graph, layer: int, weight_bits: int, input_bits: int) -> Graph:
    """A graph of one layer with these bits."""
    node = graph.nodes[layer]
    tensors = list(graph.tensors)
    widths = {node.inputs[0]: input_bits, node.inputs[1]: weight_bits, node.outputs[0]: input_bits}
    for index, bits in widths.items():
        if bits < 8 and tensors[index].dtype == INT8:
            tensors[index] = shifted(tensors[index], bits)
    return Graph(f"layer{layer}", tuple(tensors), (node,), (node.inputs[0],), node.outputs, graph.rule)
