# SPDX-License-Identifier: Apache-2.0
"""Graph to Graph: brings an imported model into the one form that the later stages expect."""

from __future__ import annotations

from intarsia.ir import Graph
from intarsia.passes import dead, dilation, dynamic_range, fold_constants, fuse, signed

ORDER = (fold_constants, dynamic_range, signed, dilation, fuse, dead)


def canonicalise(graph: Graph) -> Graph:
    """The same network with constants folded, float weights where activations are float, int8 for uint8,
    stand-alone activations, paddings and dilations fused, and nothing that nobody reads.

    Outputs stay what they were, bit for bit, but for models with float activations and int8 weights: those
    compute in float32 from here on. Raises ModelError for uint8 operators that have no exact int8 form.
    """
    for step in ORDER:
        graph = step.run(graph)
    return graph
