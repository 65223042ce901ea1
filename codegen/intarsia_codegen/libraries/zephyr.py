# SPDX-License-Identifier: Apache-2.0
"""A module for Zephyr: ``zephyr/module.yml``, CMake, Kconfig, and a sample application."""

from __future__ import annotations

from typing import ClassVar

from intarsia_codegen.libraries.base import LibraryFormat


class Zephyr(LibraryFormat):
    """Zephyr 3 and newer."""

    name: ClassVar[str] = "zephyr"
    title: ClassVar[str] = "Zephyr"
    sets_options: ClassVar[bool] = True

    @property
    def files(self) -> dict[str, str]:
        return {
            "zephyr/module.yml": "zephyr.module.yml.j2",
            "zephyr/CMakeLists.txt": "zephyr.CMakeLists.txt.j2",
            "zephyr/Kconfig": "zephyr.Kconfig.j2",
            "samples/{P}/CMakeLists.txt": "zephyr.sample.CMakeLists.txt.j2",
            "samples/{P}/prj.conf": "zephyr.prj.conf.j2",
            "samples/{P}/sample.yaml": "zephyr.sample.yaml.j2",
            "samples/{P}/src/main.c": "main.c.j2",
        }


FORMAT = Zephyr()
