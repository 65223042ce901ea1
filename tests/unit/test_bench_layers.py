# SPDX-License-Identifier: Apache-2.0
"""The layers that `intarsia bench kernels` measures are those of the networks that they name."""

from __future__ import annotations

from pathlib import Path

import pytest

from intarsia import check, ops, pipeline
from intarsia.bench import kernels, layers
from intarsia.errors import UsageError


@pytest.mark.data
def test_shapes_are_those_of_the_networks(models: Path) -> None:
    known = layers.layers()
    networks = {name: pipeline.load_model(models / f"{name}.tflite") for name in {k.model for k in known}}
    made = layers.graph(known)
    for layer, ours in zip(known, made.nodes, strict=True):
        network = networks[layer.model]
        theirs = network.nodes[layer.layer]
        assert ours.op == theirs.op == layer.operator
        assert made.output(ours).shape == network.output(theirs).shape, layer.name
        for position in range(len(layer.inputs) + bool(layer.weights)):
            assert made.required(ours, position).shape == network.required(theirs, position).shape, layer.name
        assert ops.registry()[ours.op].macs(ours, made) == ops.registry()[theirs.op].macs(theirs, network)


def test_every_layer_can_be_run_and_weights_are_the_same_each_time() -> None:
    first, second = (layers.graph(layers.layers()) for _ in range(2))
    check.check(first)
    for a, b in zip(first.tensors, second.tensors, strict=True):
        assert (a.data is None) == (b.data is None)
        assert a.data is None or b.data is None or a.data.tobytes() == b.data.tobytes()
    assert len({layer.name for layer in layers.layers()}) == len(layers.layers())


def test_bounds_are_for_kinds_that_exist() -> None:
    kinds = {layer.bound for layer in layers.layers()}
    assert layers.bounds("qemu-cortex-m4").keys() <= kinds
    assert layers.bounds("host") == {}


@pytest.mark.parametrize(
    ("board", "operators", "message"),
    [
        ("host", (), "no counter"),
        ("qemu-cortex-m4", ("CONV",), "no layer of operator 'CONV'"),
        ("qemu-cortex-m5", (), "unknown board"),
    ],
)
def test_mistakes_are_named(board: str, operators: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        kernels.run([board], operators=operators)
