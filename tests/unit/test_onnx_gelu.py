# SPDX-License-Identifier: Apache-2.0
"""GELU by the error function in the forms that exporters write, as one operator."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from intarsia.errors import ModelError
from intarsia.models import canonical
from support.onnxes import Net, computed, imported, runtime
from support.qlinears import written_out_gelu

Build = Callable[[Net, str], str]


def share(net: Net, x: str, *, divided: bool = True, first: bool = False) -> str:
    """1 + erf(x / sqrt(2))."""
    root = net.number(2**0.5 if divided else 0.5**0.5)
    scaled = net.node("Div", x, root) if divided else net.node("Mul", *((root, x) if first else (x, root)))
    one, curve = net.number(1.0), net.node("Erf", scaled)
    return str(net.node("Add", *((one, curve) if first else (curve, one))))


def constant_nodes(net: Net, x: str) -> str:
    """Numbers in operators of their own, as tracing leaves them."""
    root, one, half = (
        net.node("Constant", value_float=value) for value in (float(np.float32(2**0.5)), 1.0, 0.5)
    )
    inner = net.node("Add", net.node("Erf", net.node("Div", x, root)), one)
    return str(net.node("Mul", net.node("Mul", x, inner), half))


FORMS: dict[str, Build] = {
    "x * share * half": lambda net, x: net.node("Mul", net.node("Mul", x, share(net, x)), net.number(0.5)),
    "half x * share": lambda net, x: net.node(
        "Mul", net.node("Mul", x, net.number(0.5)), share(net, x, divided=False)
    ),
    "x * half share": lambda net, x: net.node(
        "Mul", x, net.node("Mul", net.number(0.5), share(net, x, divided=False, first=True))
    ),
    "constant nodes": constant_nodes,
}


def model(build: Build) -> tuple[bytes, np.ndarray]:
    net = Net()
    x = net.input((2, 40))
    y = net.node("Gemm", net.node("Add", build(net, x), x), net.weights(40, 3))
    return net.bytes(y), net.random.standard_normal((2, 40)).astype(np.float32) * 3


@pytest.mark.parametrize("form", FORMS)
def test_a_form_becomes_one_operator(form: str) -> None:
    content, x = model(FORMS[form])
    graph = imported(content)
    assert [node.op for node in graph.nodes] == ["GELU", "ADD", "FULLY_CONNECTED"]
    (got,), (want,) = computed(graph, x), runtime(content, x)
    assert np.abs(got - want).max() <= 2e-5 * np.abs(want).max()


def test_between_conversions_it_is_an_integer_layer() -> None:
    content = written_out_gelu()
    graph = canonical(imported(content))
    assert [node.op for node in graph.nodes] == ["GELU"]
    assert {t.dtype.name for t in graph.tensors} == {"int8"}
    samples = np.random.default_rng(0).standard_normal((4, 64)).astype(np.float32) * 4
    assert np.abs(computed(graph, samples)[0] - runtime(content, samples)[0]).max() <= 0.03 * 1.001


def other_x(net: Net, x: str) -> str:
    """A product with something else than x."""
    y = net.node("Relu", x)
    return str(net.node("Mul", net.node("Mul", y, share(net, x)), net.number(0.5)))


def other_number(net: Net, x: str) -> str:
    return str(net.node("Mul", net.node("Mul", x, share(net, x)), net.number(0.7)))


def read_twice(net: Net, x: str) -> str:
    part = share(net, x)
    whole = net.node("Mul", net.node("Mul", x, part), net.number(0.5))
    return str(net.node("Add", whole, part))


def alone(net: Net, x: str) -> str:
    return str(net.node("Erf", x))


@pytest.mark.parametrize("build", [other_x, other_number, read_twice, alone])
def test_what_is_no_gelu_is_refused(build: Build) -> None:
    with pytest.raises(ModelError, match="Erf") as caught:
        imported(model(build)[0])
    assert "0.5 * x * (1 + erf(x / sqrt(2)))" in str(caught.value.hint)
