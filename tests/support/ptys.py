# SPDX-License-Identifier: Apache-2.0
"""Pseudo terminals as serial ports, in raw mode, under a name that can come back after they were pulled out."""

from __future__ import annotations

import contextlib
import os
import tty
from pathlib import Path


class Pty:
    """`port` is what a program opens; `master` is the other end of the cable, not blocking."""

    def __init__(self, port: Path) -> None:
        self.port = port
        self._slave = -1
        self.master = -1
        self.plug()

    def plug(self) -> None:
        """A new terminal under the same name."""
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self.master, False)
        self.port.unlink(missing_ok=True)
        self.port.symlink_to(os.ttyname(self._slave))

    def unplug(self) -> None:
        """Name and terminal go away; whoever has it open reads an error."""
        self.port.unlink(missing_ok=True)
        for end in (self._slave, self.master):
            with contextlib.suppress(OSError):
                os.close(end)
        self.master = self._slave = -1

    def close(self) -> None:
        self.unplug()
