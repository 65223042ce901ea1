# SPDX-License-Identifier: Apache-2.0
"""Names from model files made safe for C. No name reaches C, CMake or a path unescaped."""

from __future__ import annotations

import re
import unicodedata

MAX_LENGTH = 40

_KEYWORDS = frozenset(
    """
    auto break case char const continue default do double else enum extern float for goto if inline int long register
    restrict return short signed sizeof static struct switch typedef union unsigned void volatile while alignas alignof
    asm bool constexpr false nullptr static_assert thread_local true typeof typeof_unqual
    and and_eq bitand bitor catch char8_t char16_t char32_t class co_await co_return co_yield compl concept const_cast
    consteval constinit decltype delete dynamic_cast explicit export final friend import module mutable namespace new
    noexcept not not_eq operator or or_eq override private protected public reinterpret_cast requires static_cast
    template this throw try typeid typename using virtual wchar_t xor xor_eq main linux unix
    """.split()  # noqa: SIM905
)
"""Words of C and C++ that a name cannot be, and what compilers define."""
_FILES = frozenset(
    """
    assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg stdatomic
    stdbit stdbool stdckdint stddef stdint stdio stdlib stdnoreturn string strings tgmath threads time uchar unistd
    wchar wctype aux con nul prn
    """.split()  # noqa: SIM905
)
"""Names of files that stand before those of the system, or that some system does not take."""


def identifier(text: str) -> str:
    """A C identifier made of the letters, digits and underscores of `text`, at most 40 characters, lower case."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = re.sub(r"[^0-9A-Za-z]+", "_", plain).strip("_").lower()[:MAX_LENGTH].rstrip("_")
    if not name or name[0].isdigit() or name in _KEYWORDS | _FILES or name.startswith("itr"):
        name = f"model_{name}".rstrip("_")
    return name


def comment(text: str, limit: int = 80) -> str:
    """Text that can stand inside a C block comment: printable ASCII, no comment ends, shortened."""
    plain = "".join(c if " " <= c <= "~" else "?" for c in text)
    plain = re.sub(r"\?(?=\?)", "? ", plain.replace("*/", "* /").replace("/*", "/ *"))
    return plain if len(plain) <= limit else plain[: limit - 3] + "..."
