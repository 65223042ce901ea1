# SPDX-License-Identifier: Apache-2.0
"""What an operator file provides. A new operator is one subclass and one instance in `ops/<op>.py`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Protocol

import numpy as np
from pydantic import TypeAdapter, ValidationError

from intarsia.ir import ABSENT, Attrs, Graph, Node, Quantization, Tensor
from intarsia.kernelcall import Step
from intarsia.ops._channels import Codes

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


@dataclass(frozen=True)
class Field:
    """Along one axis, cell i of the output is made from `reach` cells of the input, from i * stride - before on."""

    reach: int = 1
    stride: int = 1
    before: int = 0


Pads = tuple[int, int, int, int]
"""Cells of border above, below, left and right of a feature map; negative: rows or columns that are not read."""


def pointwise(node: Node, graph: Graph) -> tuple[Field, Field] | None:
    """The receptive field of an operator that makes each pixel from the pixels in its place; None if shapes differ."""
    maps = [graph.tensor(i) for i in (*node.inputs, *node.outputs) if i != ABSENT]
    places = {t.shape[:3] for t in maps if not t.is_constant}
    uniform = all(set(t.shape[-4:-1]) <= {1} for t in maps if t.is_constant)
    if any(len(t.shape) != 4 for t in maps if not t.is_constant) or len(places) != 1 or not uniform:
        return None
    return (Field(), Field()) if places.pop()[0] == 1 else None


class Operator:
    """One TFLite operator. Subclasses set `name` and `attrs` and override what they need."""

    name: ClassVar[str]
    attrs: ClassVar[type[Attrs]] = Attrs
    output_range: ClassVar[OutputRange] = OutputRange()
    weights: ClassVar[WeightRule | None] = None
    narrow: ClassVar[bool] = False
    """Whether feature maps (and weights) may be int4 or int2; `unsupported` says which combinations are not."""
    half: ClassVar[bool] = False
    """Whether feature maps (and weights) may be float16, with sums in float32 and a float32 bias."""
    crops: ClassVar[bool] = False
    """Whether `localized` takes negative pads: kernels read a part of their input by themselves."""

    states: ClassVar[tuple[int, ...]] = ()
    """Positions of inputs that are kept between inferences. What they become are further outputs, in this order."""

    unsigned: ClassVar[str | None] = None
    """What makes the int8 kernel compute what the uint8 kernel of a model does, once zero points have moved: "" nothing
    more, a name this attribute set to True. None: nothing does, so that uint8 is refused."""
    version: ClassVar[int] = 1
    """The version of the operator that files name: interpreters have no earlier ones."""
    reference_kernel: ClassVar[bool] = True
    """Whether interpreters have a kernel of the operator among their reference kernels, not only among the others."""
    batchwise: ClassVar[bool] = False
    """Whether each index of the first axis is made from that index of the inputs, if shapes allow."""

    def parse(self, options: Any) -> Attrs:
        """Attrs from the schema's options object (None when the file has none). Raises ValueError."""
        return self.attrs()

    def options(self, attrs: Attrs) -> Any:
        """The schema's options object for attrs, the inverse of `parse` (None when there is none)."""
        return None

    def absorb(self, attrs: Attrs, intermediates: Sequence[Quantization | None]) -> Attrs:
        """attrs with what the file says of tensors inside the operator. Raises ValueError."""
        return attrs

    def intermediates(self, attrs: Attrs) -> list[tuple[str, Quantization | None]]:
        """Types and quantization of the tensors inside the operator, the inverse of `absorb`."""
        return []

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

    def receptive_field(self, node: Node, graph: Graph) -> tuple[Field, Field] | None:
        """Rows and columns of every feature map input that a cell of the outputs is made from (NHWC, batch 1).

        None: the outputs cannot be computed part by part.
        """
        return None

    def localized(self, node: Node, graph: Graph, pads: Pads) -> tuple[Attrs, dict[int, np.ndarray]]:
        """Attrs, and constant inputs that change, by position, with which a part of the input with these borders gives
        a part of the output. Raises ValueError for borders that the operator cannot have."""
        if any(pads):
            raise ValueError(f"{self.name} cannot have borders of {pads}")
        return node.attrs, {}

    def channel_codes(self, node: Node, graph: Graph, source: Codes) -> Codes | None:
        """Codes that the channels of a quantized NHWC output can have, for those of input 0; None: any."""
        return None

    def spared_inputs(self, node: Node, graph: Graph, source: Codes, without: np.ndarray) -> np.ndarray:
        """Channels of input 0 that the node can be computed without, bool [C], when its output lacks the channels
        `without`."""
        return np.zeros(len(source.low), np.bool_)

    def spared_outputs(self, node: Node, graph: Graph, without: np.ndarray) -> np.ndarray:
        """Channels of the output that the node can leave out, bool [C], when its input 0 lacks the channels
        `without`."""
        return np.zeros(graph.output(node).shape[-1], np.bool_)

    def without_channels(
        self, node: Node, graph: Graph, source: Codes | None, kept_in: np.ndarray, kept_out: np.ndarray
    ) -> dict[int, Tensor]:
        """Constant inputs that change, by position, when input 0 and the output keep these channels only; `source` has
        the codes of input 0. For what `spared_inputs` and `spared_outputs` allow."""
        return {}

    def lower_alike(self, places: Sequence[tuple[Node, Graph]]) -> list[list[Step]]:
        """`lower` of one node in graphs that differ in extents, such that the calls differ in parameters alone."""
        return [self.lower(node, graph) for node, graph in places]

    def cases(self, draw: Draw) -> Graph:
        """A random one-node graph for tests: shapes, options and quantization at their edges."""
        raise ValueError(f"{self.name} has no test cases")

    def attrs_to_json(self, attrs: Attrs) -> dict[str, Any]:
        return asdict(attrs)

    def attrs_from_json(self, data: dict[str, Any]) -> Attrs:
        """Inverse of `attrs_to_json`. Raises ValueError for unknown fields and for values that they cannot have."""
        known = {f.name for f in fields(self.attrs)}
        if unknown := set(data) - known:
            raise ValueError(f"{self.name}: unknown attribute {min(unknown)!r:.60}")
        try:
            return _reader(self.attrs).validate_json(json.dumps(data), strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "attributes"
            raise ValueError(f"{self.name}: {where}: {first['msg']}") from None


_readers: dict[type[Attrs], TypeAdapter[Attrs]] = {}


def _reader(attrs: type[Attrs]) -> TypeAdapter[Attrs]:
    """Reads attrs of a class from JSON; made once, which takes its time."""
    if attrs not in _readers:
        _readers[attrs] = TypeAdapter(attrs)
    return _readers[attrs]
