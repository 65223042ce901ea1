# SPDX-License-Identifier: Apache-2.0
"""How long a network takes with the bits of a choice, and where fewer bits lose time.

A layer's time depends on the bits of its weights, of all maps that it reads, and of the one that it writes: a map of 4
bits between two of 8 has to be packed by the layer before it and unpacked by the one behind, and an ADD of maps with
different bits takes several times as long. Whether few bits pay is therefore known for maps together, not for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from intarsia.plan.kernelcosts import Costs, Work
from intarsia.plan.precision import Space

SLACK = 1e-9
Fits = Callable[[tuple[int, ...]], bool]
"""Whether the memory suffices for these bits."""


@dataclass(frozen=True, eq=False)
class Timed:
    """A layer in one scope and the items that its time depends on. Without an `output`, that has the bits of the
    input."""

    work: Work
    weights: int | None
    inputs: tuple[int, ...]
    output: int | None

    @property
    def items(self) -> set[int]:
        return {i for i in (*self.inputs, self.output, self.weights) if i is not None}


class Timing:
    """Times of the choices of a space, by the costs of its layers."""

    def __init__(self, space: Space, costs: Costs) -> None:
        self.space, self.costs = space, costs
        self.layers = [Timed(p.work, p.weights, (p.source,), p.output) for p in space.products]
        self.layers += [Timed(other.work, None, other.inputs, other.output) for other in space.others]
        self.touching: list[list[Timed]] = [[] for _ in space.items]
        for layer in self.layers:
            for item in layer.items:
                self.touching[item].append(layer)

    def of(self, layer: Timed, bits: Sequence[int]) -> float:
        inputs = tuple(bits[item] for item in layer.inputs)
        output = inputs[0] if layer.output is None else bits[layer.output]
        return self.costs(layer.work, 8 if layer.weights is None else bits[layer.weights], inputs, output)

    def whole(self, bits: Sequence[int]) -> float:
        return sum(self.of(layer, bits) for layer in self.layers)

    def around(self, items: Sequence[int], bits: Sequence[int]) -> float:
        """Time of the layers that read or write these items."""
        layers = dict.fromkeys(layer for item in items for layer in self.touching[item])
        return sum(self.of(layer, bits) for layer in layers)

    def ahead(self, item: int, width: int, bits: Sequence[int]) -> list[int]:
        """The bits, with `width` for a map and for those maps behind it that are next to it and can have as few."""
        found = list(bits)
        for layer in self.touching[item]:
            for other in (*layer.inputs, layer.output):
                if other is not None and other > item and width in self.space.items[other].widths:
                    found[other] = width
        found[item] = width
        return found

    def without_loss(self, bits: tuple[int, ...], fits: Fits) -> tuple[int, ...]:
        """More bits wherever that takes less time and the memory suffices: for single items, then for all of a group of
        neighbours. What stays has fewer bits because that saves time, costs none, or saves memory."""
        while True:
            found = self._quicker(bits)
            better = next((wider for _, wider in sorted(found, key=lambda f: f[0]) if fits(wider)), None)
            if better is None:
                return bits
            bits = better

    def _quicker(self, bits: tuple[int, ...]) -> Iterator[tuple[float, tuple[int, ...]]]:
        """Bits that take less time, each with the time that it takes more (less than none)."""
        singles = (
            ((item,), width)
            for item, now in enumerate(bits)
            for width in self.space.items[item].widths
            if width > now
        )
        for items, width in (*singles, *((group, 8) for group in self.groups(bits))):
            wider = tuple(width if item in items else now for item, now in enumerate(bits))
            more = self.around(items, wider) - self.around(items, bits)
            if more < -SLACK * max(self.around(items, bits), 1.0):
                yield more, wider

    def groups(self, bits: Sequence[int]) -> list[tuple[int, ...]]:
        """Items below 8 bits, in groups of those that meet in a layer."""
        left = [item for item, width in enumerate(bits) if width < 8]
        found = []
        while left:
            group = [left.pop(0)]
            for member in group:
                near = {item for layer in self.touching[member] for item in layer.items}
                group += [item for item in left if item in near]
                left = [item for item in left if item not in near]
            found.append(tuple(sorted(group)))
        return found

    def losses(self, bits: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], float]]:
        """Groups that take longer than with 8 bits, and by how much."""
        for group in self.groups(bits):
            eights = tuple(8 if item in group else now for item, now in enumerate(bits))
            more = self.around(group, bits) - self.around(group, eights)
            if more > 0.5:
                yield group, more
