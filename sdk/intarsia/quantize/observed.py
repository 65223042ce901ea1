# SPDX-License-Identifier: Apache-2.0
"""What the 8-bit graph computes for calibration samples: every choice of bits is compared with it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from intarsia import batching, ops, parallel
from intarsia.ir import ABSENT, Graph, Node

KEPT_BYTES = 1 << 30
"""Values up to here stay in memory for the next choice; larger networks are computed again for every choice."""

Values = dict[int, np.ndarray]
"""Feature maps by tensor."""
Found = TypeVar("Found")


class Observed:
    """The `batched` graph for chunks of samples of equal size (a few last ones may be left out), and its values."""

    def __init__(self, graph: Graph, samples: Sequence[np.ndarray], most: int = KEPT_BYTES) -> None:
        count = len(samples[0])
        pieces = -(-count // batching.batch_size(graph))
        size = count // pieces
        batched = batching.rebatch(graph, size) if size > 1 else None
        size = size if batched else 1
        self.batched, self.size = batched or graph, size
        self.inputs: list[Values] = [
            {
                i: x[at : at + size].reshape(self.batched.tensor(i).shape)
                for i, x in zip(graph.inputs, samples, strict=True)
            }
            for at in range(0, count - size + 1, size)
        ]
        self.values = [dict(inputs) for inputs in self.inputs]
        written = {index for node in graph.nodes for index in node.outputs}
        self.kept = sum(graph.tensor(index).bytes for index in written) * count <= most
        self._known: dict[Hashable, object] = {}

    def compute(self, node: Node, graph: Graph) -> None:
        """The outputs of a node of the 8-bit graph, unless they are there."""
        missing = [values for values in self.values if node.outputs[0] not in values]
        for values, found in zip(
            missing, parallel.over(lambda values: computed(graph, node, values), missing), strict=True
        ):
            values |= found

    def drop(self, index: int) -> None:
        """A feature map is not read again in this pass."""
        if not self.kept:
            for values in self.values:
                values.pop(index, None)

    def once(self, key: Hashable, make: Callable[[], Found]) -> Found:
        """What `make` gives for a key, the first time."""
        if key not in self._known:
            self._known[key] = make()
        found: Found = self._known[key]  # type: ignore[assignment]
        return found


def computed(graph: Graph, node: Node, values: Mapping[int, np.ndarray]) -> Values:
    """Outputs of a node by tensor, from the values of feature maps."""
    operands = []
    for index in node.inputs:
        data = None if index == ABSENT else graph.tensor(index).data
        operands.append(None if index == ABSENT else values[index] if data is None else data)
    return dict(zip(node.outputs, ops.registry()[node.op].reference(node, graph, operands), strict=True))
