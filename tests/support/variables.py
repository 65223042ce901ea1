# SPDX-License-Identifier: Apache-2.0
"""Small models with variables, subgraph by subgraph, in the objects of the schema."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from intarsia.ops._common import schema
from intarsia.ops._scaled_sum import SumAttrs
from intarsia.ops.add import OPERATOR as ADD

SHAPE = (1, 4)
SCALE = np.array([0.5], np.float32)
RESOURCE = 13


class Part:
    """One subgraph, in the objects of the schema; constants go to the model's buffers."""

    def __init__(self, model: Model, name: str) -> None:
        self.model, self.graph = model, schema().SubGraphT()
        self.graph.name = name.encode()
        self.graph.tensors, self.graph.operators = [], []
        self.graph.inputs = np.zeros(0, np.int32)
        self.graph.outputs = np.zeros(0, np.int32)

    def tensor(self, name: str, data: np.ndarray | None = None, shape: Sequence[int] = SHAPE) -> int:
        """An int8 tensor."""
        tensor = schema().TensorT()
        tensor.name, tensor.type = name.encode(), schema().TensorType.INT8
        tensor.shape = np.array(shape if data is None else data.shape, np.int32)
        tensor.quantization = schema().QuantizationParametersT()
        tensor.quantization.scale = SCALE
        tensor.quantization.zeroPoint = np.array([0], np.int64)
        tensor.buffer = 0 if data is None else self.model.buffer(data)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def resource(self) -> int:
        tensor = schema().TensorT()
        tensor.name, tensor.type, tensor.shape = b"handle", RESOURCE, np.zeros(0, np.int32)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def node(self, op: str, inputs: Sequence[int], outputs: Sequence[int], options: Any = None) -> None:
        operator = schema().OperatorT()
        operator.opcodeIndex = self.model.code(getattr(schema().BuiltinOperator, op))
        operator.inputs, operator.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
        if options is not None:
            operator.builtinOptions = options
            operator.builtinOptionsType = getattr(
                schema().BuiltinOptions, type(options).__name__.removesuffix("T")
            )
        self.graph.operators.append(operator)

    def handle(self, name: str = "v") -> int:
        options = schema().VarHandleOptionsT()
        options.container, options.sharedName = b"", name.encode()
        index = self.resource()
        self.node("VAR_HANDLE", [], [index], options)
        return index

    def read(self, handle: int, shape: Sequence[int] = SHAPE) -> int:
        index = self.tensor("read", shape=shape)
        self.node("READ_VARIABLE", [handle], [index], schema().ReadVariableOptionsT())
        return index

    def assign(self, handle: int, value: int) -> None:
        self.node("ASSIGN_VARIABLE", [handle, value], [], schema().AssignVariableOptionsT())

    def add(self, a: int, b: int, shape: Sequence[int] = SHAPE) -> int:
        index = self.tensor("sum", shape=shape)
        self.node("ADD", [a, b], [index], ADD.options(SumAttrs()))
        return index


class Model:
    def __init__(self) -> None:
        self.buffers = [schema().BufferT()]
        self.codes: list[int] = []
        self.main = Part(self, "main")
        self.parts = [self.main]

    def buffer(self, data: np.ndarray) -> int:
        buffer = schema().BufferT()
        buffer.data = np.frombuffer(data.tobytes(), np.uint8)
        self.buffers.append(buffer)
        return len(self.buffers) - 1

    def code(self, number: int) -> int:
        if number not in self.codes:
            self.codes.append(number)
        return self.codes.index(number)

    def initialiser(self, index: int | None = None) -> Part:
        """A further subgraph, and the CALL_ONCE that names it (or `index`)."""
        part = Part(self, "start")
        self.parts.append(part)
        options = schema().CallOnceOptionsT()
        options.initSubgraphIndex = len(self.parts) - 1 if index is None else index
        self.main.node("CALL_ONCE", [], [], options)
        return part

    def finish(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        import flatbuffers

        self.main.graph.inputs = np.array(inputs, np.int32)
        self.main.graph.outputs = np.array(outputs, np.int32)
        model = schema().ModelT()
        model.version, model.buffers = 3, self.buffers
        model.subgraphs = [part.graph for part in self.parts]
        model.operatorCodes = []
        for number in self.codes:
            code = schema().OperatorCodeT()
            code.builtinCode, code.deprecatedBuiltinCode, code.version = number, min(number, 127), 1
            model.operatorCodes.append(code)
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())


START = np.array([[1, 2, 3, -4]], np.int8)


def accumulator(start: np.ndarray | None = START) -> bytes:
    """y = v + x; v = y."""
    model = Model()
    main = model.main
    if start is not None:
        first = model.initialiser()
        first.assign(first.handle(), first.tensor("start", start))
    x, handle = main.tensor("x"), main.handle()
    y = main.add(main.read(handle), x)
    main.assign(handle, y)
    return model.finish([x], [y])


def delay() -> bytes:
    """y is the x before: what is left is an input, what is given out is a state."""
    model = Model()
    first = model.initialiser()
    first.assign(first.handle(), first.tensor("start", START))
    main = model.main
    x, handle = main.tensor("x"), main.handle()
    y = main.read(handle)
    main.assign(handle, x)
    return model.finish([x], [y])


def twice() -> bytes:
    """Read, assigned, read again: the second reading sees the assignment."""
    model = Model()
    first = model.initialiser()
    first.assign(first.handle(), first.tensor("start", START))
    main = model.main
    x, handle = main.tensor("x"), main.handle()
    main.assign(handle, main.add(main.read(handle), x))
    y = main.add(main.read(main.handle()), x)
    main.assign(handle, y)
    return model.finish([x], [y])


def never_assigned() -> bytes:
    """A variable that only the initialiser writes is a constant."""
    model = Model()
    first = model.initialiser()
    first.assign(first.handle(), first.tensor("start", START))
    main = model.main
    x = main.tensor("x")
    return model.finish([x], [main.add(main.read(main.handle()), x)])


def computed_start() -> bytes:
    """The initialiser pads a constant."""
    model = Model()
    first = model.initialiser()
    padded = first.tensor("padded")
    borders = first.tensor("borders", np.array([[0, 0], [1, 1]], np.int32))
    first.graph.tensors[borders].type = schema().TensorType.INT32
    first.graph.tensors[borders].quantization = None
    first.node(
        "PAD", [first.tensor("middle", START[:, :2].copy()), borders], [padded], schema().PadOptionsT()
    )
    first.assign(first.handle(), padded)
    main = model.main
    x, handle = main.tensor("x"), main.handle()
    y = main.add(main.read(handle), x)
    main.assign(handle, y)
    return model.finish([x], [y])


MODELS: dict[str, tuple[Callable[[], bytes], int]] = {
    "accumulator": (accumulator, 1),
    "delay": (delay, 1),
    "twice": (twice, 1),
    "never assigned": (never_assigned, 0),
    "computed start": (computed_start, 1),
}


def examples() -> list[bytes]:
    """The files of all models."""
    return [make() for make, _ in MODELS.values()]
