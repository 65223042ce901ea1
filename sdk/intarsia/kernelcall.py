# SPDX-License-Identifier: Apache-2.0
"""What an operator asks of the firmware: calls of kernels, before a variant is chosen for a board."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from intarsia.dtypes import BY_BITS

Param = int | float | bool | tuple[int, ...] | tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Constant:
    """An array in flash. `name` is the argument's name in the kernel's header.

    `bits`: `data` are codes of this width that the portable kernel finds packed (see `dtypes`); several widths are
    those of the indices of the first axis. Empty: the array lies there as it is.
    """

    name: str
    data: np.ndarray
    bits: tuple[int, ...] = ()

    @property
    def stored(self) -> np.ndarray:
        """What the portable kernel finds in flash."""
        if not self.bits:
            return self.data
        if len(self.bits) == 1:
            return np.frombuffer(BY_BITS[self.bits[0]].pack(self.data), np.uint8)
        parts = (BY_BITS[bits].pack(part) for bits, part in zip(self.bits, self.data, strict=True))
        return np.frombuffer(b"".join(parts), np.uint8)


@dataclass(frozen=True, eq=False)
class KernelCall:
    """One call of a kernel contract.

    The C call is `fn(&params, inputs..., constants..., outputs...[, scratch])`. `op` names the folder and the header;
    `contract` adds the element types and names the struct `itr_<contract>_params` (without params there is no such
    argument). `scratch` is the scratch that the portable kernel needs in bytes (None: it takes no such argument).
    `inplace` lists (input position, output position) pairs that may share memory with the portable kernel.

    `variants`: a call made once per branch has the parameters of each branch here, in the order of execution, and those
    of the first in `params`; all branches share constants, operands and code. Empty when the parameters never change.
    """

    op: str
    contract: str
    params: Mapping[str, Param]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    constants: tuple[Constant, ...] = ()
    scratch: int | None = None
    inplace: tuple[tuple[int, int], ...] = ()
    macs: int = 0
    variants: tuple[Mapping[str, Param], ...] = ()

    def constant(self, name: str) -> np.ndarray:
        """Data of a constant. Raises KeyError when the call has none of that name."""
        for constant in self.constants:
            if constant.name == name:
                return constant.data
        raise KeyError(name)

    def integer(self, name: str) -> int:
        """A parameter that is a single integer."""
        value = self.params[name]
        if not isinstance(value, int):
            raise TypeError(f"parameter {name} of {self.contract} is not an integer")
        return value


@dataclass(frozen=True)
class Alias:
    """The output is the same bytes as the input: no code, shared memory (RESHAPE and its kin)."""

    source: int
    target: int


Step = KernelCall | Alias
