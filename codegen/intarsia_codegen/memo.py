# SPDX-License-Identifier: Apache-2.0
"""Kernels that were generated before: a search for patches lowers the same network again and again.

A kernel is made of what its call says and nothing else, so that equal calls have equal kernels.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Hashable, Mapping

from intarsia.kernelcall import KernelCall, Param
from intarsia_codegen import library
from intarsia_codegen.generated import GeneratedKernel

MOST_KERNELS = 256
"""Calls whose kernels are kept: the layers of a large network, and some of its branches."""

_known: OrderedDict[Hashable, tuple[GeneratedKernel, ...]] = OrderedDict()


def candidates(call: KernelCall, isa: str, name: str) -> tuple[GeneratedKernel, ...]:
    """The kernels of an instruction set that are generated for a call."""
    key = (_content(call), isa, name)
    if key not in _known:
        made = [generate(call, name) for generate in library.generators(call.contract, isa)]
        _known[key] = tuple(k for k in made if k is not None and (k.takes_params or not call.variants))
    _known.move_to_end(key)
    while len(_known) > MOST_KERNELS:
        _known.popitem(last=False)
    return _known[key]


def _content(call: KernelCall) -> Hashable:
    constants = tuple(
        (c.name, c.bits, c.data.dtype.str, c.data.shape, hashlib.sha256(c.data.tobytes()).digest())
        for c in call.constants
    )
    return (
        call.contract,
        _items(call.params),
        tuple(map(_items, call.variants)),
        (call.inputs, call.outputs, call.scratch, call.inplace, call.macs),
        constants,
    )


def _items(params: Mapping[str, Param]) -> Hashable:
    return tuple((name, type(value), value) for name, value in sorted(params.items()))
