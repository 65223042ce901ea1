# SPDX-License-Identifier: Apache-2.0
"""Whether every node of a graph can be run: one error lists all that cannot, with what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from intarsia import ops
from intarsia.errors import ModelError, UsageError
from intarsia.ir import ABSENT, Graph, Node
from intarsia.ops.base import Shape

SHOWN = 20
"""Offenders that are written out; the rest are counted."""


def check(graph: Graph) -> None:
    """Raises ModelError naming operator, position, output, input types and reason of each offender, or a port that is a
    constant."""
    _check_ports(graph)
    faults = [
        f"{node.op} (operator {position}, {_operands(node, form)}): {reason}"
        for form in (graph, *((graph.classes.outlier,) if graph.classes else ()))
        for position, node in enumerate(form.nodes)
        if (reason := fault(node, form))
    ]
    if not faults:
        return
    shown = faults[:SHOWN]
    if len(faults) > SHOWN:
        shown.append(f"and {len(faults) - SHOWN} more")
    raise ModelError(
        "the model cannot be run:\n  " + "\n  ".join(shown),
        hint="replace or convert these layers again (`intarsia analyze --operators` lists what is supported)",
    )


def _check_ports(graph: Graph) -> None:
    """Raises ModelError for an input that nothing can be written to, or an output that nothing writes."""
    for what, indices in (("input", graph.given), ("output", graph.results)):
        for tensor in map(graph.tensor, indices):
            if tensor.is_constant:
                raise ModelError(
                    f"graph {what} '{tensor.name}' of shape {list(tensor.shape)} is a constant",
                    hint=f"remove this {what} from the model",
                )


def fault(node: Node, graph: Graph) -> str | None:
    """Why a node cannot be run, or None: types and options first, then shapes against those of the model."""
    operator = ops.get(node.op)
    if operator is None:
        return "the operator is not supported"
    if not node.outputs:
        return "it has no outputs"
    try:
        with np.errstate(all="ignore"):  # scales far apart make factors that operators refuse
            return operator.unsupported(node, graph) or _misfit(operator.infer(node, graph), node, graph)
    except ValueError as error:
        return str(error)
    except ArithmeticError:
        return "its scales are too far apart"
    except IndexError:
        return "its inputs and outputs do not have the number or rank that the operator needs"


def _misfit(shapes: Sequence[Shape], node: Node, graph: Graph) -> str | None:
    """How inferred output shapes differ from those of the model."""
    if len(shapes) != len(node.outputs):
        return f"it has {len(node.outputs)} outputs; its options say {len(shapes)}"
    for index, shape in zip(node.outputs, shapes, strict=True):
        stated = graph.tensor(index).shape
        if tuple(shape) != stated:
            return f"it gives {list(shape)}, the model says {list(stated)}"
    return None


def _operands(node: Node, graph: Graph) -> str:
    label = graph.output(node).name if node.outputs else node.name
    types = ", ".join(graph.tensor(i).dtype.name for i in node.inputs if i != ABSENT) or "none"
    return f"output '{label}', inputs {types}"


def check_layers(graph: Graph, layers: Sequence[int]) -> None:
    """Raises UsageError when a graph does not have one of the layers."""
    for layer in layers:
        if layer >= len(graph.nodes):
            raise UsageError(
                f"'{graph.name}' has no layer {layer}", hint=f"it has layers 0 to {len(graph.nodes) - 1}"
            )
