# SPDX-License-Identifier: Apache-2.0
"""A small model whose only operator stands for a subgraph, as converters write groups of operators."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from flatbuffers import flexbuffers

from fuzzing import schematree
from intarsia.ops._common import schema
from intarsia.ops._elementwise import FusedAttrs
from intarsia.ops._scaled_sum import SumAttrs
from support.tiny import Tiny

FACTOR = (1.5, -2.0, 0.25, 3.0)


def decomposed() -> Tiny:
    """x + x times a constant, in operators of their own."""
    t = Tiny()
    x = t.input((1, 4), "float32", name="x")
    doubled = t.node("ADD", [x, x], (1, 4), SumAttrs(), dtype="float32")
    t.node("MUL", [doubled, t.constant(np.array(FACTOR, np.float32))], (1, 4), FusedAttrs(), dtype="float32")
    return t


def tree(levels: int = 1) -> Any:
    """The model as objects of the schema: subgraph `levels` computes, each one before it calls the next."""
    model = schema().ModelT.InitFromPackedBuf(decomposed().bytes, 0)
    inner = model.subgraphs[0]
    code = schema().OperatorCodeT()
    code.builtinCode, code.deprecatedBuiltinCode = schema().BuiltinOperator.STABLEHLO_COMPOSITE, 127
    model.operatorCodes.append(code)
    model.subgraphs = [_calling(inner, level + 1, len(model.operatorCodes) - 1) for level in range(levels)]
    model.subgraphs.append(inner)
    return model


def _calling(inner: Any, number: int, code: int) -> Any:
    graph = copy.copy(inner)
    ports = [*inner.inputs, *inner.outputs]
    graph.tensors = [inner.tensors[i] for i in ports]
    graph.inputs, graph.outputs = [0], [1]
    options = schema().StableHLOCompositeOptionsT()
    options.name, options.decompositionSubgraphIndex = b"group", number
    options.compositeAttributes = list(flexbuffers.Dumps({}))
    operator = schema().OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = code, [0], [1]
    operator.builtinOptions2Type = schema().BuiltinOptions2.StableHLOCompositeOptions
    operator.builtinOptions2 = options
    graph.operators = [operator]
    return graph


def composite(levels: int = 1) -> bytes:
    """The file of `tree`."""
    return schematree.packed(tree(levels))
