# SPDX-License-Identifier: Apache-2.0
"""Good files that hostile ones are made from: networks of our own, and, where they are, small ones of other people."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

from intarsia import ops
from intarsia.errors import IntarsiaError
from intarsia.exporters import tflite as exporter
from intarsia.ir import Graph
from intarsia.plan.plan import Plan
from support import classed, composites, qlinears, small, variables
from support.draw import SeededDraw
from support.networks import network
from support.toonnx import to_onnx

DRAWS, NETWORKS, CLASSED = 3, 24, 6
LARGEST = 20_000
"""Bytes of the largest file of other people that is taken."""


def models(*, foreign: bool = True) -> tuple[tuple[str, bytes], ...]:
    """(origin, file): each operator alone, in several types; networks of several layers; networks with variables."""
    return (*_own(), *(_foreign() if foreign else ()))


@cache
def _own() -> tuple[tuple[str, bytes], ...]:
    special = (*variables.examples(), composites.composite(), composites.composite(3))
    return (*_operators(), *_networks(), *(("own", data) for data in special))


def _operators() -> Iterator[tuple[str, bytes]]:
    for name in sorted(ops.registry()):
        for seed in range(DRAWS):
            yield from _exported(ops.registry()[name].cases(SeededDraw(seed)))


def _networks() -> Iterator[tuple[str, bytes]]:
    for graph in (small.float_graph(), small.int8_graph(), *map(network, map(SeededDraw, range(NETWORKS)))):
        yield from _exported(graph)


def _exported(graph: Graph) -> Iterator[tuple[str, bytes]]:
    """The file of a graph; nothing for graphs that no file of this format can hold."""
    try:
        yield "own", exporter.export(graph)
    except IntarsiaError:
        return


@cache
def _foreign() -> tuple[tuple[str, bytes], ...]:
    folder = os.environ.get("INTARSIA_DATA")
    paths = sorted(Path(folder).rglob("*.tflite")) if folder else []
    return tuple((path.name, path.read_bytes()) for path in paths if path.stat().st_size <= LARGEST)


@cache
def onnx_models() -> tuple[bytes, ...]:
    """Small networks as exporters write them."""
    found = [
        to_onnx(small.float_graph()),
        to_onnx(small.int8_graph()),
        to_onnx(small.int8_graph(), unsigned=True),
        qlinears.written_out_gelu(),
        *(build(qlinears.Codes(np.uint8)) for _, build in qlinears.CASES.values()),
    ]
    for seed in range(NETWORKS):
        with contextlib.suppress(AttributeError, KeyError):  # operators that the writer does not know
            found.append(to_onnx(network(SeededDraw(seed))))
    return tuple(found)


@cache
def graphs() -> tuple[tuple[Graph, Plan | None], ...]:
    """Quantized graphs, some with classes of patches and the plans of these."""
    own = [(small.int8_graph(), None), (small.float_graph(), None)]
    return (*own, *classed.drawn(CLASSED))


@cache
def arrays() -> tuple[np.ndarray, ...]:
    """Eight samples for the input of `small`, in the types that data files have."""
    (codes,) = small.int8_samples(small.int8_graph(), 8)
    return codes, small.samples(8), np.zeros((8, small.SIZE, small.SIZE, 3), np.uint8)
