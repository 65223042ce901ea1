# SPDX-License-Identifier: Apache-2.0
"""Takes feature maps and weights of an int8 graph down to 4 and 2 bits, layer by layer over calibration data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from intarsia import batching, ops
from intarsia.dtypes import BY_BITS, INT8
from intarsia.errors import UsageError
from intarsia.ir import ABSENT, Graph, Node, Quantization, Tensor
from intarsia.plan import entropy
from intarsia.plan.entropy import Histogram
from intarsia.quantize import layout, parameters, rounding
from intarsia.quantize.assign import passes_codes

RANGES = {"mse": entropy.narrow, "minmax": entropy.minmax}
ROUNDINGS = ("compensated", "nearest", "refit")
WEIGHTS, BIAS = 1, 2
"""Input positions of the layers that `layout` knows."""


@dataclass(frozen=True)
class Options:
    """How to make tensors narrower.

    `ranges`: of feature maps, by least error or all that was measured. `rounding`: of weights. `correct_bias`: biases
    make up for the mean error of each layer's output, measured with the inputs that it then gets. `rows`: positions of
    each layer's output, drawn from all samples, that rounding and correction look at.
    """

    ranges: str = "mse"
    rounding: str = "compensated"
    correct_bias: bool = True
    rows: int = 2048


@dataclass(frozen=True)
class Bits:
    """Bits of feature maps by tensor and of weights by node; what is not named keeps its 8 bits."""

    maps: Mapping[int, int] = field(default_factory=dict)
    weights: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Patches:
    """Where the branches at hand lie: bool `masks` [H, W] of the feature maps up to the `split` map, true where they
    compute. Beyond its mask the split map comes from branches of another class, which keep 8 bits."""

    split: int
    masks: Mapping[int, np.ndarray]


def requantize(
    graph: Graph,
    samples: Sequence[np.ndarray],
    bits: Bits,
    options: Options | None = None,
    patches: Patches | None = None,
) -> Graph:
    """The graph with narrower tensors under the same indices; constants that are new follow behind.

    `samples`: calibration data [N, *shape] per graph input, in the inputs' own types. Feature maps whose operator passes
    codes on follow their source. Raises UsageError for unknown options, and for what cannot be made narrower: graph
    inputs and outputs, maps without one scale, weights of operators other than `layout.LAYERS`.
    """
    options = options or Options()
    if options.ranges not in RANGES or options.rounding not in ROUNDINGS:
        what = f"ranges by '{options.ranges}', rounding '{options.rounding}'"
        raise UsageError(what, hint=f"known: {', '.join(RANGES)}; {', '.join(ROUNDINGS)}")
    for index in bits.maps:
        tensor = graph.tensor(index)
        fixed = index in (*graph.inputs, *graph.outputs)
        if fixed or tensor.dtype != INT8 or tensor.quant is None or tensor.quant.per_channel:
            raise UsageError(f"feature map '{tensor.name}' must keep its {8 * tensor.dtype.bytes} bits")
    for position in bits.weights:
        if layout.weights_of(graph, graph.nodes[position]) is None:
            raise UsageError(f"layer {position} ({graph.nodes[position].op}) has no int8 weights")
    return _Walk(graph, samples, bits, options, patches).run()


class _Walk:
    """Goes through the network once, with the values of the int8 graph and of the new one side by side.

    All work is on the graph for one chunk of samples (`batching.rebatch`); shapes are put back at the end.
    """

    def __init__(
        self, graph: Graph, samples: Sequence[np.ndarray], bits: Bits, options: Options, patches: Patches | None
    ) -> None:
        self.graph, self.bits, self.options, self.patches = graph, bits, options, patches
        self.before, self.old = _chunks(graph, samples)
        self.new = [dict(values) for values in self.old]
        self.after = self.before
        self.last = {index: p for p, node in enumerate(graph.nodes) for index in node.inputs}
        self.differs = dict.fromkeys(graph.inputs, False)
        self.random = np.random.default_rng(0)

    def run(self) -> Graph:
        for position in range(len(self.graph.nodes)):
            self.layer(position)
        return _restored(self.graph, self.before, self.after)

    def layer(self, position: int) -> None:
        node = self.before.nodes[position]
        touched = any(self.differs.get(index, False) for index in node.inputs)
        for values in self.old:
            values |= _computed(self.before, node, values)
        self.outputs(node)
        narrow = self.bits.weights.get(position, 8) < 8
        if (touched or narrow) and layout.weights_of(self.before, node) is not None:
            self.weighted(position)
        requantized = any(self.after.tensor(i) is not self.before.tensor(i) for i in node.outputs)
        self.differs |= dict.fromkeys(node.outputs, touched or narrow or requantized)
        for old, new in zip(self.old, self.new, strict=True):
            if self.differs[node.outputs[0]]:
                new |= _computed(self.after, self.after.nodes[position], new)
            else:
                new |= {index: old[index] for index in node.outputs}
            if self.patches is not None and self.patches.split in node.outputs:
                self.stitch(old, new)
            for values in (old, new):
                for index in (*node.inputs, *node.outputs):
                    if self.last.get(index, -1) <= position:
                        values.pop(index, None)

    def change(self, index: int, tensor: Tensor) -> None:
        tensors = list(self.after.tensors)
        tensors[index] = tensor
        self.after = self.after.replace(tensors=tuple(tensors))

    def outputs(self, node: Node) -> None:
        """New types and scales of a node's outputs."""
        source = node.inputs[0] if passes_codes(ops.registry()[node.op]) else ABSENT
        for index in node.outputs:
            tensor, bits = self.before.tensor(index), self.bits.maps.get(index, 8)
            if source != ABSENT and tensor.quant == self.before.tensor(source).quant:
                leader = self.after.tensor(source)
                if leader is not self.before.tensor(source):
                    self.change(index, replace(tensor, dtype=leader.dtype, quant=leader.quant))
            elif bits < 8:
                quant = RANGES[self.options.ranges](self.histogram(index), bits)
                self.change(index, replace(tensor, dtype=BY_BITS[bits], quant=quant))

    def histogram(self, index: int) -> Histogram:
        """What the map holds in the int8 graph, where the branches at hand compute it."""
        quant = self.before.tensor(index).quant
        assert quant is not None
        mask = self.patches.masks.get(index) if self.patches else None
        total = np.zeros(entropy.CODES, np.int64)
        for values in self.old:
            codes = values[index]
            total += entropy.count(codes if mask is None else np.ascontiguousarray(codes[:, mask]))
        return Histogram(total, quant)

    def stitch(self, old: Mapping[int, np.ndarray], new: dict[int, np.ndarray]) -> None:
        """Puts the other class's part into the split map."""
        assert self.patches is not None
        split = self.patches.split
        ours, theirs = self.after.tensor(split), self.before.tensor(split)
        assert ours.quant is not None
        assert theirs.quant is not None
        other = entropy.encode(entropy.decode(old[split], theirs.quant), ours.quant, ours.dtype.bits)
        mask = self.patches.masks[split][None, :, :, None]
        new[split] = np.where(mask, new[split], other).astype(np.int8)

    def weighted(self, position: int) -> None:
        """New weights and bias of a layer, for the inputs that it now gets."""
        node, bits = self.before.nodes[position], self.bits.weights.get(position, 8)
        stated = layout.weights_of(self.before, node)
        assert stated is not None
        weights, rows = stated, layout.matrices(node, self.before, layout.real(stated))
        seen = self.moments(node)
        if bits < 8:
            importance = np.diagonal(rounding.damped(seen.power), axis1=1, axis2=2)
            scale = rounding.scales(rows, importance, bits)
            codes = (
                rounding.nearest(rows, scale, bits)
                if self.options.rounding == "nearest"
                else rounding.compensated(rows, scale, bits, seen, self.options.rounding == 'refit')
            )
            axis = ops.registry()[node.op].weights
            assert axis is not None
            quant = Quantization(tuple(map(float, scale.reshape(-1))), (0,) * scale.size, axis.axis or 0)
            data = layout.weights(node, self.before, codes).astype(np.int8)
            weights = replace(stated, dtype=BY_BITS[bits], quant=quant, data=data)
        bias = self.before.operand(node, BIAS)
        total = np.zeros(rows.shape[0] * rows.shape[1]) if bias is None else layout.real(bias).reshape(-1)
        if self.options.correct_bias:
            given = layout.matrices(node, self.before, layout.real(weights))
            total = total + rounding.bias_shift(rows, given, seen).reshape(-1)
        self.replace_constants(position, weights, bias, total)

    def replace_constants(self, position: int, weights: Tensor, bias: Tensor | None, total: np.ndarray) -> None:
        node = self.before.nodes[position]
        inputs = [*node.inputs, *(ABSENT,) * (BIAS + 1 - len(node.inputs))]
        inputs[WEIGHTS] = self.put(inputs[WEIGHTS], weights)
        name = bias.name if bias is not None else f"{weights.name}/bias"
        scale = self.after.required(node, 0).scale
        inputs[BIAS] = self.put(inputs[BIAS], parameters.bias(name, total, scale, weights))
        nodes = list(self.after.nodes)
        nodes[position] = replace(node, inputs=tuple(inputs))
        self.after = self.after.replace(nodes=tuple(nodes))

    def put(self, index: int, tensor: Tensor) -> int:
        """Index of a constant in its new form: the old one unless others read that too."""
        if index != ABSENT and sum(node.inputs.count(index) for node in self.before.nodes) == 1:
            self.change(index, tensor)
            return index
        self.after = self.after.replace(tensors=(*self.after.tensors, tensor))
        return len(self.after.tensors) - 1

    def moments(self, node: Node) -> rounding.Moments:
        """Moments of a layer's inputs at positions drawn from the outputs of all samples, as real values."""
        index, shape = node.inputs[0], layout.positions(node, self.before)
        mask = self.patches.masks.get(node.outputs[0]) if self.patches else None
        places = np.arange(int(np.prod(shape))) if mask is None else np.flatnonzero(np.broadcast_to(mask, shape))
        share = -(-self.options.rows // len(self.old))
        parts: list[list[np.ndarray]] = [[], []]
        for old, new in zip(self.old, self.new, strict=True):
            chosen = places
            if len(places) > share:
                chosen = np.sort(self.random.choice(places, share, replace=False))
            for part, graph, values in ((parts[0], self.after, new), (parts[1], self.before, old)):
                tensor = graph.tensor(index)
                centred = (values[index].astype(np.float64) - tensor.zero_point) * tensor.scale
                part.append(layout.inputs(node, self.before, centred, chosen))
        return rounding.moments(np.concatenate(parts[0], axis=1), np.concatenate(parts[1], axis=1))


def _chunks(graph: Graph, samples: Sequence[np.ndarray]) -> tuple[Graph, list[dict[int, np.ndarray]]]:
    """The graph for chunks of equal size, and the inputs of each; a few last samples may be left out."""
    count = len(samples[0])
    pieces = -(-count // batching.batch_size(graph))
    size = count // pieces
    batched = batching.rebatch(graph, size) if size > 1 else None
    size = size if batched else 1
    full = batched or graph
    return full, [
        {i: x[at : at + size].reshape(full.tensor(i).shape) for i, x in zip(graph.inputs, samples, strict=True)}
        for at in range(0, count - size + 1, size)
    ]


def _computed(graph: Graph, node: Node, values: Mapping[int, np.ndarray]) -> dict[int, np.ndarray]:
    operands = []
    for index in node.inputs:
        data = None if index == ABSENT else graph.tensor(index).data
        operands.append(None if index == ABSENT else values[index] if data is None else data)
    return dict(zip(node.outputs, ops.registry()[node.op].reference(node, graph, operands), strict=True))


def _restored(graph: Graph, before: Graph, after: Graph) -> Graph:
    """The new graph in the shapes of `graph`, without the constants that only the chunks needed."""
    own, extra = len(graph.tensors), len(before.tensors)
    written = {index for node in graph.nodes for index in node.outputs} | set(graph.inputs)
    kept = [
        replace(tensor, shape=graph.tensor(index).shape) if index in written else tensor
        for index, tensor in enumerate(after.tensors[:own])
    ]
    nodes = []
    for stated, changed in zip(graph.nodes, after.nodes, strict=True):
        inputs = stated.inputs if stated.op == "RESHAPE" else changed.inputs
        shifted = tuple(index - extra + own if index >= extra else index for index in inputs)
        nodes.append(replace(stated, inputs=shifted))
    return graph.replace(tensors=(*kept, *after.tensors[extra:]), nodes=tuple(nodes)).verify()
