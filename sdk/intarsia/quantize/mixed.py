# SPDX-License-Identifier: Apache-2.0
"""Takes feature maps and weights of an int8 graph down to 4 and 2 bits, layer by layer over calibration data.

What each refinement brings, with all feature maps (a4) or all maps and weights (a4w4) at 4 bits, which is harsher than
any plan: top-1 accuracy, and in brackets how often the first class is that of the int8 graph.

| maps and weights         | kws_dscnn (600) | vww_mobilenet (72) | ic_resnet8 (300) | mobilenet_v1 (150) |
|--------------------------|-----------------|--------------------|------------------|--------------------|
| int8                     | 0.913           | 0.847              | 0.743            | 0.493              |
| a4, measured ranges      | 0.227 (0.275)   | 0.792 (0.833)      | 0.480 (0.587)    | 0.060 (0.080)      |
| a4, + ranges by error    | 0.845 (0.868)   | 0.778 (0.875)      | 0.677 (0.740)    | 0.073 (0.093)      |
| a4, + bias correction    | 0.887 (0.923)   | 0.833 (0.931)      | 0.730 (0.740)    | 0.147 (0.167)      |
| a4, + equalisation       | 0.895 (0.928)   | 0.833 (0.931)      | 0.707 (0.757)    | 0.230 (0.280)      |
| w4, nearest, no bias     | 0.885 (0.955)   | 0.681 (0.806)      | 0.753 (0.733)    | 0.000 (0.000)      |
| w4, + bias correction    | 0.892 (0.963)   | 0.819 (0.944)      | 0.767 (0.813)    | 0.280 (0.393)      |
| w4, + compensated        | 0.897 (0.970)   | 0.792 (0.944)      | 0.763 (0.910)    | 0.353 (0.473)      |
| a4w4, measured, nearest  | 0.218 (0.248)   | 0.736 (0.806)      | 0.560 (0.547)    | 0.000 (0.000)      |
| a4w4, by error, nearest  | 0.772 (0.823)   | 0.750 (0.875)      | 0.677 (0.643)    | 0.000 (0.000)      |
| a4w4, + bias correction  | 0.842 (0.875)   | 0.847 (0.861)      | 0.673 (0.640)    | 0.093 (0.100)      |
| a4w4, + compensated      | 0.872 (0.920)   | 0.750 (0.875)      | 0.733 (0.730)    | 0.100 (0.113)      |

Behind that, scales by least squares and coordinate descent lower the error of the scores with all weights at 4 bits:
ic_resnet8 0.158 to 0.153, mobilenet_v1 0.453 to 0.396, mcunet_vww 0.508 to 0.465, vww_mobilenet 0.179 to 0.170 of
their spread. (a4 with equalisation: mobilenet_v1 over 200 samples, where without it is 0.125 (0.175).) All stay: ranges
by error and bias correction pay everywhere, compensated rounding where weights are narrow, equalisation for MobileNets.
Fitting the weights to the reference's outputs before rounding brought nothing and is not done.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from intarsia import batching, ops, parallel
from intarsia.dtypes import BY_BITS, INT8
from intarsia.errors import UsageError
from intarsia.ir import ABSENT, Graph, Node, Quantization, Tensor
from intarsia.plan import entropy
from intarsia.plan.entropy import Histogram
from intarsia.quantize import constant, equalise, layout, parameters, rounding
from intarsia.quantize.assign import passes_codes
from intarsia.quantize.observed import Observed, computed

RANGES = {"mse": entropy.narrow, "minmax": entropy.minmax}
ROUNDINGS = ("compensated", "nearest")
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
    equalise: bool = True
    rows: int = 2048


@dataclass(frozen=True)
class Bits:
    """Bits of feature maps by tensor and of weights by node; what is not named keeps its 8 bits."""

    maps: Mapping[int, int] = field(default_factory=dict)
    weights: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Patches:
    """Where the branches at hand lie: bool `masks` [N or 1, H, W] of the feature maps up to the `split` map, true where
    they compute. Beyond its mask the split map comes from branches of another class, which keep 8 bits."""

    split: int
    masks: Mapping[int, np.ndarray]


@dataclass(frozen=True, eq=False)
class Mixed:
    """A graph with narrow tensors, and `factors` [C] by feature map: each channel holds real value / factor."""

    graph: Graph
    factors: Mapping[int, np.ndarray]


def requantize(
    graph: Graph,
    samples: Sequence[np.ndarray],
    bits: Bits,
    options: Options | None = None,
    patches: Patches | None = None,
    leader: Mixed | None = None,
    observed: Observed | None = None,
) -> Mixed:
    """The graph with narrower tensors under the same indices; constants that are new follow behind.

    `samples`: calibration data [N, *shape] per graph input, in the inputs' own types. Feature maps whose operator
    passes codes on follow their source. `leader`: what was made before for the same layers, whose weights and split map
    this graph shares. `observed`: what the graph computes for the samples, if that is at hand. Raises UsageError for
    unknown options, and for what cannot be made narrower: graph inputs and outputs, maps without one scale, weights of
    operators other than `layout.LAYERS`.
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
    if observed is None or not observed.kept:
        observed = Observed(graph, samples)
    return _Walk(graph, observed, bits, options, patches, leader).run()


class _Walk:
    """Goes through the network once, with the values of the int8 graph and of the new one side by side.

    All work is on the graph for one chunk of samples (`batching.rebatch`); shapes are put back at the end.
    """

    def __init__(
        self,
        graph: Graph,
        observed: Observed,
        bits: Bits,
        options: Options,
        patches: Patches | None,
        leader: Mixed | None,
    ) -> None:
        self.graph, self.bits, self.options, self.patches, self.leader = graph, bits, options, patches, leader
        self.observed, self.old, self.size = observed, observed.values, observed.size
        batched = batching.rebatch(graph, self.size) if self.size > 1 else graph
        assert batched is not None  # as for the graph that was observed
        self.before = batched
        self.new = [dict(values) for values in observed.inputs]
        self.after = self.before
        self.last = {index: p for p, node in enumerate(graph.nodes) for index in node.inputs}
        self.differs = dict.fromkeys(graph.inputs, False)
        self.factors: dict[int, np.ndarray] = {}

    def run(self) -> Mixed:
        for position in range(len(self.graph.nodes)):
            self.layer(position)
        return Mixed(_restored(self.graph, self.before, self.after), self.factors)

    def layer(self, position: int) -> None:
        node = self.before.nodes[position]
        touched = any(self.differs.get(index, False) for index in node.inputs)
        self.observed.compute(node, self.before)
        self.outputs(node)
        narrow = self.width(position) < 8 or any(index in self.factors for index in node.outputs)
        if (touched or narrow) and layout.weights_of(self.before, node) is not None:
            self.weighted(position)
        requantized = any(self.after.tensor(i) is not self.before.tensor(i) for i in node.outputs)
        self.differs |= dict.fromkeys(node.outputs, touched or narrow or requantized)
        parallel.over(functools.partial(self.advance, position), range(len(self.new)))
        for index in (*node.inputs, *node.outputs):
            if self.last.get(index, -1) <= position:
                self.observed.drop(index)

    def advance(self, position: int, chunk: int) -> None:
        """The outputs of a layer of the new graph, in a chunk of samples."""
        node, old, new = self.before.nodes[position], self.old[chunk], self.new[chunk]
        if self.differs[node.outputs[0]]:
            new |= computed(self.after, self.after.nodes[position], new)
        else:
            new |= {index: old[index] for index in node.outputs}
        if self.patches is not None and self.patches.split in node.outputs:
            self.stitch(chunk, old, new)
        for index in (*node.inputs, *node.outputs):
            if self.last.get(index, -1) <= position:
                new.pop(index, None)

    def width(self, position: int) -> int:
        """Bits of a layer's weights."""
        if (
            self.leader is not None
            and layout.weights_of(self.before, self.before.nodes[position]) is not None
        ):
            leader = self.leader.graph
            return leader.required(leader.nodes[position], WEIGHTS).dtype.bits
        return self.bits.weights.get(position, 8)

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
            elif self.patches is not None and self.leader is not None and index == self.patches.split:
                shared = self.leader.graph.tensor(index)
                self.change(index, replace(tensor, dtype=shared.dtype, quant=shared.quant))
            elif bits < 8 or self.shares_factors(index):
                quant = RANGES[self.options.ranges](self.histogram(index), bits)
                if self.shares_factors(index) or (self.leader is None and self.equalises(index)):
                    quant = self.equalised(index, quant, bits, node)
                self.change(index, replace(tensor, dtype=BY_BITS[bits], quant=quant))

    def equalises(self, index: int) -> bool:
        shared = self.patches is not None and index == self.patches.split
        return self.options.equalise and not shared and equalise.applies(self.graph, index)

    def shares_factors(self, index: int) -> bool:
        return self.leader is not None and index in self.leader.factors

    def equalised(self, index: int, whole: Quantization, bits: int, node: Node) -> Quantization:
        """Gives the channels of a map factors, or takes over the leader's; the quantization that goes with them."""
        stated = self.before.tensor(index).quant
        assert stated is not None
        counts = self.counted(index, equalise.channel_counts)
        if self.leader is not None:
            self.factors[index] = self.leader.factors[index]
            return entropy.span(*equalise.widest(counts, stated, self.factors[index]), bits)
        activation = str(getattr(node.attrs, "activation", "NONE"))
        self.factors[index], quant = equalise.factors(counts, stated, whole, bits, activation)
        return quant

    def mask(self, index: int, chunk: int) -> np.ndarray | None:
        """bool [N or 1, H, W]: where the branches at hand compute a map, in the samples of a chunk."""
        mask = self.patches.masks.get(index) if self.patches else None
        return None if mask is None else entropy.rows_of(mask, chunk * self.size, self.size)

    def counted(self, index: int, count: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Sum of what `count` finds in a map where the branches at hand compute it, in all of the split map."""
        shared = self.patches is not None and index == self.patches.split
        mask = self.patches.masks.get(index) if self.patches and not shared else None

        def found(chunk: int) -> np.ndarray:
            values, inside = self.old[chunk][index], None if shared else self.mask(index, chunk)
            return count(values if inside is None else entropy.masked(values, inside))

        key = (index, count.__qualname__, None if mask is None else mask.tobytes())
        return self.observed.once(key, lambda: np.asarray(sum(parallel.over(found, range(len(self.old))))))

    def histogram(self, index: int) -> Histogram:
        """What the map holds in the int8 graph, where the branches at hand compute it."""
        quant = self.before.tensor(index).quant
        assert quant is not None
        return Histogram(self.counted(index, entropy.count), quant)

    def stitch(self, chunk: int, old: Mapping[int, np.ndarray], new: dict[int, np.ndarray]) -> None:
        """Puts the other class's part into the split map."""
        assert self.patches is not None
        split = self.patches.split
        ours, theirs = self.after.tensor(split), self.before.tensor(split)
        assert ours.quant is not None
        assert theirs.quant is not None
        other = entropy.encode(entropy.decode(old[split], theirs.quant), ours.quant, ours.dtype.bits)
        mask = self.mask(split, chunk)
        assert mask is not None
        new[split] = np.where(mask[:, :, :, None], new[split], other).astype(np.int8)

    def weighted(self, position: int) -> None:
        """New weights and bias of a layer, for the inputs that it now gets."""
        node, bits = self.before.nodes[position], self.width(position)
        stated = layout.weights_of(self.before, node)
        assert stated is not None
        ours, theirs = self.factors.get(node.inputs[0]), self.factors.get(node.outputs[0])
        rows = _scaled(node, layout.matrices(node, self.before, layout.real(stated)), ours, theirs)
        seen = self.moments(node)
        weights = stated
        if self.leader is not None:
            weights = self.leader.graph.required(self.leader.graph.nodes[position], WEIGHTS)
        elif bits < 8 or (ours is not None and node.op != "DEPTHWISE_CONV_2D"):
            weights = self.rounded(node, stated, rows, bits, seen)
        elif ours is not None or theirs is not None:
            weights = _rescaled(node, stated, ours, theirs)
        bias = self.before.operand(node, BIAS)
        total = np.zeros(rows.shape[0] * rows.shape[1]) if bias is None else layout.real(bias).reshape(-1)
        if theirs is not None:
            total = total / theirs
        if self.options.correct_bias:
            given = layout.matrices(node, self.before, layout.real(weights))
            total = total + rounding.bias_shift(rows, given, seen).reshape(-1)
        still = constant.channels(self.graph).get(node.outputs[0])
        if still is not None:
            weights = constant.weights(node, weights, still)
            values = still.values if theirs is None else still.values / theirs
            total = np.where(still.channels, values, total)
        self.replace_constants(position, weights, bias, total)

    def rounded(
        self, node: Node, stated: Tensor, rows: np.ndarray, bits: int, seen: rounding.Moments
    ) -> Tensor:
        """Weights of a layer with fewer bits, symmetric with a scale per output channel."""
        importance = np.diagonal(rounding.damped(seen.power), axis1=1, axis2=2)
        scale = rounding.scales(rows, importance, bits)
        if self.options.rounding == "nearest":
            codes = rounding.nearest(rows, scale, bits)
        else:
            scale, codes = rounding.fitted(rows, scale, bits, seen)
        axis = 3 if node.op == "DEPTHWISE_CONV_2D" else 0
        quant = Quantization(tuple(map(float, scale.reshape(-1))), (0,) * scale.size, axis)
        data = layout.weights(node, self.before, codes).astype(np.int8)
        return replace(stated, dtype=BY_BITS[bits], quant=quant, data=data)

    def replace_constants(
        self, position: int, weights: Tensor, bias: Tensor | None, total: np.ndarray
    ) -> None:
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
        share = -(-self.options.rows // len(self.old))
        masks = [self.mask(node.outputs[0], chunk) for chunk in range(len(self.old))]
        if not any(mask is None or mask.any() for mask in masks):
            masks = [None] * len(masks)  # only samples that no chunk holds have patches of this class
        taken = parallel.over(functools.partial(self.rows, node, share), list(enumerate(masks)))
        given, wanted = (np.concatenate([rows[part] for rows in taken], axis=1) for part in (0, 1))
        return rounding.moments(given, wanted)

    def rows(
        self, node: Node, share: int, part: tuple[int, np.ndarray | None]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Real values [G, rows, T] of the inputs of a layer in the new graph and in the 8-bit one, as the new one's
        channels have them, at `share` or fewer positions inside the mask of a chunk."""
        chunk, mask = part
        index, shape = node.inputs[0], layout.positions(node, self.before)
        chosen = np.flatnonzero(np.broadcast_to(True if mask is None else mask, shape))
        if len(chosen) > share:
            random = np.random.default_rng((chunk, index))
            chosen = np.sort(random.choice(chosen, share, replace=False))
        found = []
        for graph, values in ((self.after, self.new), (self.before, self.old)):
            tensor = graph.tensor(index)
            codes = layout.inputs(node, self.before, values[chunk][index], chosen, tensor.zero_point)
            found.append(layout.decoded(codes, tensor))
        if index in self.factors:
            found[1] /= layout.by_tap(node, self.before, self.factors[index])
        return found[0], found[1]


def _scaled(node: Node, rows: np.ndarray, ours: np.ndarray | None, theirs: np.ndarray | None) -> np.ndarray:
    """Real weights [G, O, T] for an input that is divided by `ours` [C] and an output divided by `theirs`."""
    if ours is not None:
        depthwise = node.op == "DEPTHWISE_CONV_2D"
        rows = rows * (ours[:, None, None] if depthwise else np.tile(ours, rows.shape[2] // len(ours)))
    return rows if theirs is None else rows / theirs.reshape(rows.shape[:2])[:, :, None]


def _rescaled(node: Node, stated: Tensor, ours: np.ndarray | None, theirs: np.ndarray | None) -> Tensor:
    """The same with the codes as they are, for layers whose channels read one input channel each."""
    assert stated.quant is not None
    axis = 3 if node.op == "DEPTHWISE_CONV_2D" else 0
    channels = stated.shape[axis]
    scale = np.broadcast_to(np.array(stated.quant.scale, np.float64), channels)
    if ours is not None:
        scale = scale * np.repeat(ours, channels // len(ours))
    if theirs is not None:
        scale = scale / theirs
    zero = np.broadcast_to(np.array(stated.quant.zero_point), channels)
    quant = Quantization(tuple(float(np.float32(s)) for s in scale), tuple(int(z) for z in zero), axis)
    return replace(stated, quant=quant)


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
