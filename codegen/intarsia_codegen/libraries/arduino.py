# SPDX-License-Identifier: Apache-2.0
"""A library for Arduino: ``library.properties``, sources in ``src``, and an example sketch."""

from __future__ import annotations

from typing import ClassVar

from intarsia_codegen.libraries.base import LibraryFormat


class Arduino(LibraryFormat):
    """The library format of Arduino 1.5 and newer."""

    name: ClassVar[str] = "arduino"
    title: ClassVar[str] = "Arduino"
    sets_options: ClassVar[bool] = False

    @property
    def files(self) -> dict[str, str]:
        return {
            "library.properties": "arduino.library.properties.j2",
            "examples/{P}_once/{P}_once.ino": "arduino.sketch.ino.j2",
        }


FORMAT = Arduino()
