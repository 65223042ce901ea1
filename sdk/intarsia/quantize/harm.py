# SPDX-License-Identifier: Apache-2.0
"""What single feature maps and weights of few bits do to the network's output: which bits to give back first.

One item at a time is rounded to its narrower codes and back, everything else stays at 8 bits, and only the layers
behind it are computed again (the additive table of Hubara et al., Improving Post Training Neural Quantization, 2020).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from intarsia import ops
from intarsia.ir import Graph
from intarsia.plan import entropy
from intarsia.plan.entropy import Histogram
from intarsia.plan.precision import WEIGHTS, Item, Space
from intarsia.quantize import layout, rounding
from intarsia.quantize.observed import computed

MOST_SAMPLES, LEAST_SAMPLES = 8, 2
WORK = 4e10
"""Multiply-accumulates that measuring every item once may take; large networks are measured on fewer samples."""
_TINY = 1e-30


class Harm:
    """Error of the output by item and bits; each is measured when it is first asked for.

    The output is that before a last SOFTMAX or LOGISTIC, which would hide errors of clear cases. Errors are mean
    squares over the variance of the 8-bit output. `samples`: as `requantize` takes them; the first few are used.
    """

    def __init__(self, graph: Graph, samples: Sequence[np.ndarray], space: Space) -> None:
        graph = layout.before_probabilities(graph) or graph
        self.graph, self.space = graph, space
        each = sum(ops.registry()[node.op].macs(node, graph) for node in graph.nodes) / 2
        count = int(np.clip(WORK / max(each * len(space.items), 1), LEAST_SAMPLES, MOST_SAMPLES))
        self.values = [
            dict(zip(graph.inputs, sample, strict=True)) for sample in _singles(graph, samples, count)
        ]
        for values in self.values:
            for node in graph.nodes:
                values |= computed(graph, node, values)
        self.known: dict[tuple[int, int], float] = {}

    def __call__(self, item: int, bits: int) -> float:
        """Infinite for what lies behind the probabilities: nothing there may change."""
        if bits == 8:
            return 0.0
        if (item, bits) not in self.known:
            self.known[item, bits] = self.measured(self.space.items[item], bits)
        return self.known[item, bits]

    def measured(self, item: Item, bits: int) -> float:
        if item.scope == WEIGHTS:
            return self.error(self.with_weights(item.tensors[0], bits), item.tensors[0], {})
        index = item.tensors[0]
        if index not in self.values[0]:
            return math.inf
        quant = self.graph.tensor(index).quant
        assert quant is not None
        counts = sum(entropy.count(values[index]) for values in self.values)
        narrow = entropy.narrow(Histogram(np.asarray(counts), quant), bits)
        table = entropy.decode(np.arange(entropy.CODES) + entropy.FIRST_CODE, quant)
        rounded = entropy.decode(entropy.encode(table, narrow, bits), narrow)
        codes = entropy.encode(rounded, quant, 8).astype(np.int8)
        changed = {
            place: codes[values[index].astype(np.int64) - entropy.FIRST_CODE]
            for place, values in enumerate(self.values)
        }
        start = next(p for p, node in enumerate(self.graph.nodes) if index in node.outputs)
        return self.error(self.graph, start + 1, {p: {index: codes} for p, codes in changed.items()})

    def with_weights(self, position: int, bits: int) -> Graph:
        """The graph with the weights of a node rounded to fewer bits, as int8 codes."""
        node = self.graph.nodes[position]
        stated = layout.weights_of(self.graph, node)
        assert stated is not None
        rows = layout.matrices(node, self.graph, layout.real(stated))
        scale = rounding.scales(rows, np.ones((rows.shape[0], rows.shape[2])), bits)
        restored = layout.weights(node, self.graph, rounding.nearest(rows, scale, bits) * scale[:, :, None])
        data = layout.encoded(restored, stated)
        tensors = list(self.graph.tensors)
        tensors[node.inputs[1]] = replace(stated, data=data)
        return self.graph.replace(tensors=tuple(tensors))

    def error(self, graph: Graph, start: int, changed: dict[int, dict[int, np.ndarray]]) -> float:
        """Mean squared error of the outputs when the nodes from `start` on run again with changed values."""
        found, before = [], []
        for place, values in enumerate(self.values):
            fresh = dict(changed.get(place, {}))
            for position, node in enumerate(graph.nodes[start:]):
                first = position == 0 and place not in changed
                if first or fresh.keys() & set(node.inputs):
                    fresh |= computed(graph, node, {**values, **fresh})
            for index in graph.outputs:
                found.append(fresh.get(index, values[index]).astype(np.float64).reshape(-1))
                before.append(values[index].astype(np.float64).reshape(-1))
        given, wanted = np.concatenate(found), np.concatenate(before)
        return float(np.square(given - wanted).mean() / max(float(wanted.var()), _TINY))


def _singles(graph: Graph, samples: Sequence[np.ndarray], most: int) -> list[list[np.ndarray]]:
    count = min(most, len(samples[0]))
    return [
        [x[i].reshape(graph.tensor(t).shape) for x, t in zip(samples, graph.inputs, strict=True)]
        for i in range(count)
    ]
