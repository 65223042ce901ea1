# SPDX-License-Identifier: Apache-2.0
"""Names from model files made safe for C. No name reaches C, CMake or a path unescaped."""

from __future__ import annotations

import re
import unicodedata

MAX_LENGTH = 40

_KEYWORDS = frozenset(
    """
    auto break case char const continue default do double else enum extern float for goto if inline int
    long register restrict return short signed sizeof static struct switch typedef union unsigned void
    volatile while main class new delete this template bool true false namespace private public
    protected operator
    """.split()  # noqa: SIM905
)
"""Words of C and C++ that a name cannot be."""


def identifier(text: str) -> str:
    """A C identifier made of the letters, digits and underscores of `text`, at most 40 characters, lower case."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = re.sub(r"[^0-9A-Za-z]+", "_", plain).strip("_").lower()[:MAX_LENGTH].rstrip("_")
    if not name or name[0].isdigit() or name in _KEYWORDS or name.startswith("itr"):
        name = f"model_{name}".rstrip("_")
    return name


def comment(text: str, limit: int = 80) -> str:
    """Text that can stand inside a C block comment: printable ASCII, no comment ends, shortened."""
    plain = "".join(c if " " <= c <= "~" else "?" for c in text)
    plain = plain.replace("*/", "* /").replace("/*", "/ *").replace("??", "? ?")
    return plain if len(plain) <= limit else plain[: limit - 3] + "..."
