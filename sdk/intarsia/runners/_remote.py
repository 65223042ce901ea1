# SPDX-License-Identifier: Apache-2.0
"""Commands on the computer that a shared board hangs on: here, or over ssh."""

from __future__ import annotations

import io
import re
import shlex
import socket
import tarfile
from collections.abc import Sequence
from pathlib import Path

from intarsia.errors import StageError
from intarsia.runners.base import Tool, require_tool

SSH = Tool("ssh", "sudo apt-get install openssh-client")
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*")
_NEVER_ASK = ("-o", "BatchMode=yes", "-o", "ConnectTimeout=10")


def is_here(host: str | None) -> bool:
    """Whether that is this computer."""
    return host in (None, "localhost", "127.0.0.1", "::1", socket.gethostname(), socket.getfqdn())


def command_at(host: str, command: str) -> list[str]:
    """What runs a shell command there. Raises EnvironmentMissing without ssh, StageError for what is no host's name."""
    if is_here(host):
        return ["/bin/sh", "-c", command]
    if not _HOST.fullmatch(host):
        raise StageError(f"'{host}' is no name of a host", hint="correct the exporter's configuration")
    return [require_tool(SSH.program, SSH.install), *_NEVER_ASK, host, command]


def in_folder(host: str, command: Sequence[str], folder: Path) -> tuple[list[str], bytes]:
    """What runs a command there in a copy of `folder`, and what it has to be fed; the copy is removed at the end."""
    steps = f'd=$(mktemp -d) && tar -x -C "$d" && cd "$d" && {shlex.join(command)}'
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(folder, arcname=".")
    return command_at(host, f'{steps}; s=$?; rm -rf "$d"; exit $s'), packed.getvalue()
