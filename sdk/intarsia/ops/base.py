# SPDX-License-Identifier: Apache-2.0
"""What an operator file provides. A new operator is one subclass and one instance in `ops/<op>.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Protocol

import numpy as np

from intarsia.ir import Attrs, Graph, Node
from intarsia.kernelcall import Step

Shape = tuple[int, ...]
Values = Sequence[np.ndarray | None]


class Draw(Protocol):
    """Source of random choices for test cases: backed by hypothesis in tests, by a seeded generator elsewhere."""

    def integer(self, low: int, high: int) -> int:
        """An integer in [low, high]."""

    def choice(self, options: Sequence[Any]) -> Any:
        """One of the options; the first is the simplest."""

    def array(self, shape: Shape, low: int, high: int) -> np.ndarray:
        """int64 array of values in [low, high], both ends likely to occur."""


@dataclass(frozen=True)
class OutputRange:
    """How post-training quantization gives an output its scale.

    kind "calibrated": from the measured range. "input": the same as input 0. "fixed": `scale` and `zero_point`.
    """

    kind: str = "calibrated"
    scale: float = 0.0
    zero_point: int = 0


@dataclass(frozen=True)
class WeightRule:
    """Which inputs are weights and bias, and along which axis weights are quantized (None: per tensor)."""

    weights: int
    bias: int | None
    axis: int | None


class Operator:
    """One TFLite operator. Subclasses set `name` and `attrs` and override what they need."""

    name: ClassVar[str]
    attrs: ClassVar[type[Attrs]] = Attrs
    output_range: ClassVar[OutputRange] = OutputRange()
    weights: ClassVar[WeightRule | None] = None

    def parse(self, options: Any) -> Attrs:
        """Attrs from the schema's options object (None when the file has none). Raises ValueError."""
        return self.attrs()

    def options(self, attrs: Attrs) -> Any:
        """The schema's options object for attrs, the inverse of `parse` (None when there is none)."""
        return None

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        """Why this node cannot be run (types, options, shapes), or None when it can."""
        return None

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        """Shapes of the outputs. Raises ValueError when the inputs do not fit together."""
        raise ValueError(f"{self.name} has no shape inference")

    def reference(self, node: Node, graph: Graph, values: Values) -> list[np.ndarray]:
        """Exact outputs for input values (constants included; None where an input is absent)."""
        raise ValueError(f"{self.name} has no reference")

    def macs(self, node: Node, graph: Graph) -> int:
        """Multiply-accumulates of one execution."""
        return 0

    def lower(self, node: Node, graph: Graph) -> list[Step]:
        """Kernel calls that compute this node."""
        raise ValueError(f"{self.name} cannot be lowered")

    def cases(self, draw: Draw) -> Graph:
        """A random one-node graph for tests: shapes, options and quantization at their edges."""
        raise ValueError(f"{self.name} has no test cases")

    def attrs_to_json(self, attrs: Attrs) -> dict[str, Any]:
        return asdict(attrs)

    def attrs_from_json(self, data: dict[str, Any]) -> Attrs:
        """Inverse of `attrs_to_json`. Raises ValueError for unknown or missing fields."""
        known = {f.name for f in fields(self.attrs)}
        if unknown := set(data) - known:
            raise ValueError(f"{self.name}: unknown attribute {sorted(unknown)[0]}")
        try:
            return self.attrs(**{k: tuple(v) if isinstance(v, list) else v for k, v in data.items()})
        except TypeError as error:
            raise ValueError(f"{self.name}: {error}") from None
