# SPDX-License-Identifier: Apache-2.0
"""A library for PlatformIO: ``library.json``, sources in ``src``, and an example."""

from __future__ import annotations

from typing import ClassVar

from intarsia_codegen.libraries.base import LibraryFormat


class PlatformIO(LibraryFormat):
    """PlatformIO 6, any platform and framework."""

    name: ClassVar[str] = "platformio"
    title: ClassVar[str] = "PlatformIO"
    sets_options: ClassVar[bool] = True

    @property
    def files(self) -> dict[str, str]:
        return {"library.json": "platformio.library.json.j2", "examples/once/main.c": "main.c.j2"}


FORMAT = PlatformIO()
