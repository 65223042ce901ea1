# SPDX-License-Identifier: Apache-2.0
"""What goes wrong between host and device, counted by kind."""

from __future__ import annotations

import collections
from dataclasses import dataclass, field


@dataclass
class TransportStatistics:
    """What happened on the way.

    `damaged` counts frames by kind, both directions; `silent` requests that nobody answered in time, `stale` answers
    that came twice or too late, `resets` of the device, `unplugged` losses of the link.
    """

    sent: int = 0
    repeated: int = 0
    received: int = 0
    received_bytes: int = 0
    silent: int = 0
    stale: int = 0
    resets: int = 0
    unplugged: int = 0
    damaged: collections.Counter[str] = field(default_factory=collections.Counter)

    @property
    def faults(self) -> collections.Counter[str]:
        """Everything that went wrong and was repaired, by kind."""
        others = {
            "unanswered": self.silent,
            "stale": self.stale,
            "reset": self.resets,
            "unplugged": self.unplugged,
        }
        return self.damaged + collections.Counter(others)
