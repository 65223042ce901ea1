# SPDX-License-Identifier: Apache-2.0
"""What a model format provides: one module of this folder with an `IMPORTER`."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from intarsia.errors import ModelError
from intarsia.ir import Graph


class Importer(ABC):
    """A model format."""

    name: ClassVar[str]
    """As messages say it."""
    suffix: ClassVar[str]
    interpreted: ClassVar[bool] = False
    """Whether TensorFlow Lite interpreters run files of this format as they are."""

    package: ClassVar[str | None] = None
    """A distribution that reads files of this format and does not come with Intarsia by itself."""
    install: ClassVar[str] = ""
    """The command that installs it."""

    @abstractmethod
    def recognises(self, data: bytes) -> bool:
        """Whether the content of a file is of this format, as far as its first bytes say."""

    @abstractmethod
    def parse(
        self, data: bytes, *, name: str, rule: str, partial: bool = False, folder: Path | None = None
    ) -> Graph:
        """Graph of a file's bytes. `partial` keeps operators that are not supported, if the format can; `folder` is
        where the file lies, for data beside it. Raises ModelError, and EnvironmentMissing without a package."""


def title(path: Path) -> str:
    """The name of a model by that of its file, which is UTF-8 whatever the locale makes of it."""
    return os.fsencode(path.stem).decode("utf-8", "replace")


def content(path: Path, suffix: str) -> bytes:
    """Bytes of a model file. Raises ModelError when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"cannot read {path}: {error.strerror}", hint=f"give the path of a {suffix} file"
        ) from None
