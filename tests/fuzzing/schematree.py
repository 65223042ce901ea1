# SPDX-License-Identifier: Apache-2.0
"""Mutations of models as trees of the schema's objects: fields, indices, shapes, types, options, names, buffers."""

from __future__ import annotations

import pickle
import random
import struct
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import flatbuffers
import numpy as np

from fuzzing import values
from intarsia.ops._common import schema

TRIES = 20
_OPTIONS = ("builtinOptions", "builtinOptionsType", "builtinOptions2", "builtinOptions2Type")
_RARE = ("MetadataT", "SignatureDefT", "TensorMapT", "SparsityParametersT", "DimensionMetadataT")

Slot = tuple[Any, str]


def unpacked(data: bytes) -> bytes:
    """The object tree of a model, in a form that can be copied quickly."""
    return pickle.dumps(schema().ModelT.InitFromPackedBuf(data, 0), pickle.HIGHEST_PROTOCOL)


def packed(model: Any) -> bytes:
    """The file of an object tree. Raises whatever the packer makes of values that do not fit their fields."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


class Mutator:
    """Changes trees; values of the same field in other models stand in for those of one."""

    def __init__(self, trees: Sequence[bytes]) -> None:
        self._trees = trees
        found: dict[str, dict[bytes, Any]] = defaultdict(dict)
        for tree in trees:
            for owner, name in _slots(pickle.loads(tree)):
                value = getattr(owner, name)
                if value is not None:
                    found[_group(owner, name)].setdefault(pickle.dumps(value), value)
        self._donors = {group: list(donors) for group, donors in found.items()}

    def change(self, tree: bytes, numbers: random.Random) -> bytes:
        """The file of a model with one to four changes. What the format cannot hold is tried again."""
        for _ in range(TRIES):
            model = pickle.loads(tree)
            for _ in range(numbers.choice((1, 1, 1, 2, 3, 4))):
                self._one_change(model, numbers)
            try:
                return packed(model)
            except (struct.error, TypeError, AttributeError, ValueError, OverflowError, IndexError):
                continue
        return values.changed_bytes(packed(pickle.loads(tree)), numbers)

    def _one_change(self, model: Any, numbers: random.Random) -> None:
        if numbers.random() < 0.25:
            numbers.choice(_AIMED)(model, numbers)
            return
        groups: dict[str, list[Slot]] = defaultdict(list)
        for owner, name in _slots(model):
            groups[_group(owner, name)].append((owner, name))
        names = sorted(groups)
        group = numbers.choice(names)
        if group.split(".")[0] in _RARE:
            group = numbers.choice(names)
        owner, name = numbers.choice(groups[group])
        if name in _OPTIONS and numbers.random() < 0.5:
            self._transplant_options(owner, numbers)
        elif self._donors.get(group) and numbers.random() < 0.35:
            setattr(owner, name, pickle.loads(numbers.choice(self._donors[group])))
        else:
            setattr(owner, name, _changed(getattr(owner, name), numbers))

    def _transplant_options(self, operator: Any, numbers: random.Random) -> None:
        """Options of an operator of another model, of the type that they are."""
        donor = pickle.loads(numbers.choice(self._trees))
        operators = [o for s in donor.subgraphs or [] for o in s.operators or []]
        if operators:
            other = numbers.choice(operators)
            for name in _OPTIONS:
                setattr(operator, name, getattr(other, name))


def _group(owner: Any, name: str) -> str:
    return f"{type(owner).__name__}.{name}"


def _slots(value: Any) -> Iterator[Slot]:
    """(object, field) of everything in a tree."""
    if isinstance(value, list):
        for item in value:
            yield from _slots(item)
    elif hasattr(value, "Pack"):
        for name, inner in vars(value).items():
            yield value, name
            yield from _slots(inner)


def _changed(value: Any, numbers: random.Random) -> Any:
    """Another value of a field: of the same kind, or none."""
    if value is None or numbers.random() < 0.06:
        return None
    if isinstance(value, bool | np.bool_):
        return not value
    if isinstance(value, int | np.integer):
        return int(value) + numbers.choice((-1, 1)) if numbers.random() < 0.3 else values.integer(numbers)
    if isinstance(value, float | np.floating):
        return numbers.choice(values.REALS)
    if isinstance(value, bytes | str):
        return numbers.choice(values.NAMES)
    if isinstance(value, np.ndarray):
        return _changed_array(value, numbers)
    if isinstance(value, list):
        return _changed_list(value, numbers)
    return value


def _changed_array(value: np.ndarray, numbers: random.Random) -> np.ndarray:
    kind, place = numbers.randrange(7), numbers.randrange(len(value) + 1)
    if kind == 0:
        return value[:place]
    if kind == 1:
        return np.insert(value, place, _element(value.dtype, numbers))
    if kind == 2:
        return np.repeat(value, numbers.randint(2, 5))
    if kind == 3:
        return np.delete(value, [place] if place < len(value) else [])
    copy = value.copy()
    for _ in range(numbers.choice((1, 1, 2, 4))):
        if len(copy):
            copy[numbers.randrange(len(copy))] = _element(value.dtype, numbers)
    return copy


def _element(dtype: np.dtype, numbers: random.Random) -> Any:
    if dtype.kind == "f":
        return numbers.choice(values.REALS)
    if dtype.kind == "b":
        return numbers.random() < 0.5
    limits = np.iinfo(dtype)
    return min(max(values.integer(numbers), limits.min), limits.max)


def _changed_list(value: list[Any], numbers: random.Random) -> list[Any]:
    copy, kind = list(value), numbers.randrange(5)
    place = numbers.randrange(len(copy) + 1)
    if kind == 0:
        return copy[:place]
    if kind == 1 and copy:
        del copy[place - 1]
    elif kind == 2 and copy:
        copy.insert(place, numbers.choice(copy))
    elif kind == 3 and copy:
        other = numbers.randrange(len(copy))
        copy[place - 1], copy[other] = copy[other], copy[place - 1]
    elif copy:
        copy += copy[: numbers.randint(1, 64)]
    return copy


def _tensors(model: Any) -> list[Any]:
    return [t for s in model.subgraphs or [] for t in s.tensors or []]


def _rename(model: Any, numbers: random.Random) -> None:
    """Names that no program may take for anything but names; often the same for several tensors."""
    name = numbers.choice(values.NAMES)
    for tensor in _tensors(model):
        if numbers.random() < 0.5:
            tensor.name = name if numbers.random() < 0.7 else numbers.choice(values.NAMES)


def _reshape(model: Any, numbers: random.Random) -> None:
    """A shape whose product overflows, or one of zeros, ones and negative extents."""
    tensors = _tensors(model)
    if tensors:
        extents = numbers.choice(((65536,), (1 << 30, 2), (0,), (-1,), (1, 1, 2), (3, 46341), (255, 256)))
        shape = [numbers.choice(extents) for _ in range(numbers.randint(0, 6))]
        numbers.choice(tensors).shape = np.array(shape, np.int32)


def _grow(model: Any, numbers: random.Random) -> None:
    """The same extent, larger, wherever it stands: a larger model whose shapes still fit together."""
    tensors = [t for t in _tensors(model) if t.shape is not None and len(t.shape)]
    if tensors:
        extent = int(numbers.choice(list(numbers.choice(tensors).shape)))
        wanted = numbers.choice((0, 1, extent + 1, 2 * extent, 17 * extent, 1000))
        larger = np.int32(min(max(wanted, -1), 1 << 20))
        for tensor in tensors:
            tensor.shape = np.where(tensor.shape == extent, larger, tensor.shape)


def _share(model: Any, numbers: random.Random) -> None:
    """Tensors with each other's buffers."""
    tensors = _tensors(model)
    if tensors:
        numbers.choice(tensors).buffer = numbers.choice(tensors).buffer


def _outside(model: Any, numbers: random.Random) -> None:
    """Buffers that say that their data lie elsewhere in the file, or far behind its end."""
    if model.buffers:
        buffer = numbers.choice(model.buffers)
        buffer.offset, buffer.size = (abs(values.integer(numbers)) for _ in range(2))


def _rewire(model: Any, numbers: random.Random) -> None:
    """Operators that read and write what others do: loops, doubled and missing writers."""
    for subgraph in model.subgraphs or []:
        for operator in subgraph.operators or []:
            for field in ("inputs", "outputs"):
                indices = getattr(operator, field)
                if indices is not None and len(indices) and numbers.random() < 0.3:
                    copy = indices.copy()
                    copy[numbers.randrange(len(copy))] = numbers.randrange(
                        -1, len(subgraph.tensors or []) + 1
                    )
                    setattr(operator, field, copy)


def _retype(model: Any, numbers: random.Random) -> None:
    """Other types, for one tensor or for all."""
    tensors = _tensors(model)
    kind = numbers.choice([v for k, v in vars(schema().TensorType).items() if not k.startswith("_")])
    for tensor in tensors if numbers.random() < 0.2 else tensors[:0] or numbers.choices(tensors or [None]):
        if tensor is not None:
            tensor.type = kind


def _rename_operator(model: Any, numbers: random.Random) -> None:
    """Another operator with the options and operands of this one."""
    if model.operatorCodes:
        code = numbers.choice(model.operatorCodes)
        code.builtinCode = numbers.choice(
            [v for k, v in vars(schema().BuiltinOperator).items() if not k.startswith("_")]
        )
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)


_AIMED = (_rename, _reshape, _grow, _share, _outside, _rewire, _retype, _rename_operator)
