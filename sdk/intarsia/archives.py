# SPDX-License-Identifier: Apache-2.0
"""Archives of arrays, `.npz` and our own: what goes wrong when one is damaged."""

from __future__ import annotations

import lzma
import struct
import tokenize
import zipfile
import zlib

DAMAGED = (
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What reading a damaged archive can raise; unknown compression and encryption are RuntimeErrors of `zipfile`."""
