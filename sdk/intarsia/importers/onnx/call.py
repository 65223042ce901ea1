# SPDX-License-Identifier: Apache-2.0
"""One ONNX operator as its rule sees it: operands, attributes, and the builder that takes what it becomes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from intarsia.importers.onnx.builder import Builder
from intarsia.importers.onnx.values import Known, Map, Value


class Refused(Exception):
    """An operator that cannot be translated: why, and what to do about it."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.hint = hint


@dataclass(frozen=True, eq=False)
class Call:
    """`node` is the NodeProto, `operands` its inputs (None: left out), `opset` the version of the operators."""

    node: Any
    operands: tuple[Value | None, ...]
    attributes: dict[str, Any]
    opset: int
    builder: Builder

    def operand(self, position: int) -> Value | None:
        """An input, or None when it is left out."""
        return self.operands[position] if position < len(self.operands) else None

    def value(self, position: int) -> Value:
        """An input that must be there. Raises Refused."""
        found = self.operand(position)
        if found is None:
            raise Refused(f"it lacks input {position}")
        return found

    def map(self, position: int) -> Map:
        """An input as a feature map, constant ones too. Raises Refused."""
        value = self.value(position)
        return value if isinstance(value, Map) else self.builder.as_map(value)

    def known(self, position: int, what: str) -> Known:
        """An input that must be constant. Raises Refused."""
        value = self.value(position)
        if not isinstance(value, Known):
            raise Refused(
                f"{what} must be constant", "export with fixed shapes and with weights inside the model"
            )
        return value

    def integers(self, position: int, what: str) -> tuple[int, ...] | None:
        """A constant vector of integers; None when it is left out. Raises Refused."""
        if self.operand(position) is None:
            return None
        data = self.known(position, what).data
        if data.dtype.kind not in "iu":
            raise Refused(f"{what} must be integers")
        return tuple(int(v) for v in data.reshape(-1))

    def number(self, name: str, default: float | None = None) -> float:
        return float(self._attribute(name, default, (int, float)))

    def integer(self, name: str, default: int | None = None) -> int:
        return int(self._attribute(name, default, (int,)))

    def text(self, name: str, default: str | None = None) -> str:
        value = self._attribute(name, default, (bytes, str))
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)

    def vector(self, name: str, default: Sequence[int] | None = None) -> tuple[int, ...]:
        value = self._attribute(name, default, (list, tuple))
        if not all(isinstance(v, int) for v in value):
            raise Refused(f"attribute '{name}' must be integers")
        return tuple(value)

    def tensor(self, name: str) -> Any:
        """A TensorProto. Raises Refused."""
        value = self.attributes.get(name)
        if not hasattr(value, "data_type"):
            raise Refused(f"attribute '{name}' is no tensor")
        return value

    def numbers(self, name: str) -> float | list[float]:
        """A number or several. Raises Refused."""
        value = self._attribute(name, None, (int, float, list))
        if isinstance(value, list) and not all(isinstance(v, (int, float)) for v in value):
            raise Refused(f"attribute '{name}' must be numbers")
        return value  # type: ignore[no-any-return]

    def strings(self, name: str) -> list[Any]:
        """Texts, as bytes. Raises Refused."""
        return list(self._attribute(name, None, (list,)))

    def has(self, name: str) -> bool:
        return name in self.attributes

    def _attribute(self, name: str, default: Any, types: tuple[type, ...]) -> Any:
        value = self.attributes.get(name, default)
        if value is None:
            raise Refused(f"it lacks the attribute '{name}'")
        if not isinstance(value, types):
            raise Refused(f"attribute '{name}' is of another type than it should be")
        return value

    def axis(self, axis: int, rank: int) -> int:
        """An axis counted from the front. Raises Refused."""
        if not -rank <= axis < rank:
            raise Refused(f"axis {axis} of a feature map with {rank} dimensions")
        return axis % rank


Result = Value | Sequence[Value]


@dataclass(frozen=True)
class Rule:
    """How an ONNX operator is translated: its name, the operators of a Graph that it can become (none: it vanishes into
    shapes, layout or constants), what is special about it, and the function that does it."""

    name: str
    makes: tuple[str, ...]
    translate: Callable[[Call], Result]
    about: str = ""


def scalar(value: Known) -> float | None:
    """The one real number of a constant, or None when it has several."""
    real = value.real().reshape(-1)
    return float(real[0]) if real.size and bool(np.all(real == real[0])) else None
