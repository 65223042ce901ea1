# SPDX-License-Identifier: Apache-2.0
"""Where the C sources and the board folders lie: in a checkout first, in the installed wheel second."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


@cache
def root() -> Path:
    """Folder that holds `firmware/` and `boards/`."""
    checkout = _PACKAGE.parents[1]
    if (checkout / "firmware" / "include").is_dir() and (checkout / "boards").is_dir():
        return checkout
    return _PACKAGE / "_assets"


def firmware() -> Path:
    """Folder of kernels, headers, runtime, HAL and toolchain files."""
    return root() / "firmware"


def boards() -> Path:
    """Folder of board folders."""
    return root() / "boards"
