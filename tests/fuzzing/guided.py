# SPDX-License-Identifier: Apache-2.0
"""The device's server under libFuzzer, which follows what its code covers."""

from __future__ import annotations

import random
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from fuzzing import frames, served

LARGEST = 4096
"""Bytes of the longest stream."""
STREAMS = 64
"""Streams that it starts from."""
STREAM_SECONDS = 1
BYTES_MIB = 1024


def run(streams: int, seed: int, seconds: int) -> dict[str, Any]:
    """Runs so many streams; how many they were, the frames in them, and the fault that ended it early."""
    with tempfile.TemporaryDirectory(prefix="intarsia-fuzz-") as name:
        folder = Path(name)
        program = served.build(folder / "serve", served.FUZZER)
        corpus = folder / "corpus"
        corpus.mkdir()
        for number in range(STREAMS):
            (corpus / str(number)).write_bytes(frames.stream(random.Random(f"{seed}/guided/{number}")))
        command = [str(program), f"-runs={streams}", f"-max_len={LARGEST}", f"-seed={seed % (1 << 31)}"]
        command += [
            f"-timeout={STREAM_SECONDS}",
            f"-rss_limit_mb={BYTES_MIB}",
            f"-artifact_prefix={folder}/",
            str(corpus),
        ]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
            cwd=folder,
        )
        faults = [] if done.returncode == 0 else [_fault(done.stderr, folder)]
    ran = [int(n) for n in re.findall(r"^Done (\d+) runs", done.stderr, re.MULTILINE)]
    held = [int(n) for n in re.findall(r"^frames: (\d+)$", done.stderr, re.MULTILINE)]
    return {"streams": sum(ran), "frames": sum(held), "compiler": _compiler(), "faults": faults}


def _fault(text: str, folder: Path) -> dict[str, str]:
    """What a sanitizer said, and the stream that made it."""
    lines = [line for line in text.splitlines() if "ERROR" in line or "SUMMARY" in line]
    streams = [path.read_bytes().hex() for path in sorted(folder.glob("*-*")) if path.is_file()]
    return {"what": "crash", "fault": " ".join(lines)[:300], "stream": "".join(streams[:1])}


def _compiler() -> str:
    told = subprocess.run(
        [served.FUZZER[0], "--version"], capture_output=True, text=True, timeout=60, check=True
    )
    return re.sub(r"\s*\(.*", "", told.stdout.splitlines()[0])
