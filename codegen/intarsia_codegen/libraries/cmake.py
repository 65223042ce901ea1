# SPDX-License-Identifier: Apache-2.0
"""A library for CMake: `add_subdirectory` or FetchContent, and an example that is built when it stands alone."""

from __future__ import annotations

from typing import ClassVar

from intarsia_codegen.libraries.base import LibraryFormat


class CMake(LibraryFormat):
    """CMake 3.20 and newer."""

    name: ClassVar[str] = "cmake"
    title: ClassVar[str] = "CMake"
    sets_options: ClassVar[bool] = True

    @property
    def files(self) -> dict[str, str]:
        return {"CMakeLists.txt": "cmake.CMakeLists.txt.j2", "example/main.c": "main.c.j2"}


FORMAT = CMake()
