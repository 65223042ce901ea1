# SPDX-License-Identifier: Apache-2.0
"""Feeds hostile files and bytes to every reader, counts what comes of them, and writes it down.

    python tools/fuzz.py --models 200000 --frames 1000000 --files 20000 --record tests/fuzz/campaign.json
    python tools/fuzz.py --case models:1234     one case again, with its file and traceback

Models of other people in $INTARSIA_DATA are taken too, where they are there. Exits with 1 when there is a fault.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from fuzzing import campaign, guided, served, target, worker

FRAMES_A_STREAM = 4
"""Streams of our own hold five on average."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=int, default=2000, metavar="N", help="mutated .tflite files")
    parser.add_argument("--frames", type=int, default=10_000, metavar="N", help="frames, for host and device")
    parser.add_argument("--files", type=int, default=500, metavar="N", help="files for each other reader")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same cases")
    parser.add_argument("--workers", type=int, default=1, metavar="N")
    parser.add_argument("--own", action="store_true", help="leave $INTARSIA_DATA out")
    parser.add_argument("--minutes", type=float, default=math.inf, metavar="M", help="end each target then")
    parser.add_argument(
        "--record",
        type=Path,
        metavar="FILE",
        help="write the counts as JSON; what the file says of other targets stays",
    )
    parser.add_argument("--case", metavar="TARGET:NUMBER", help="run one case and show what it does")
    options = parser.parse_args()
    if options.case:
        return _one(options)
    clock = campaign.Clock()
    counts = dict.fromkeys(target.names(), options.files)
    counts |= {"models": options.models, "serialbytes": -(-options.frames // FRAMES_A_STREAM)}
    tallies = {}
    for name, count in counts.items():
        if count:
            tallies[name] = campaign.run(
                name,
                count,
                options.seed,
                workers=options.workers,
                own=options.own,
                minutes=options.minutes,
            )
            _tell(name, tallies[name].to_json())
    document = campaign.record(tallies, options.seed, own=options.own, seconds=clock.seconds)
    if options.frames:
        document["targets"]["serialbytes"]["guided"] = _guided(options)
    if options.record:
        if options.record.exists():
            document = campaign.joined(json.loads(options.record.read_text(encoding="utf-8")), document)
        options.record.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return int(any(part["faults"] for part in _parts(document)))


def _guided(options: argparse.Namespace) -> dict[str, Any]:
    if not served.can_fuzz():
        print("the device's server is not fuzzed by coverage: clang-19 or its libFuzzer is not installed")
        return {"streams": 0, "frames": 0, "compiler": None, "faults": []}
    found = guided.run(-(-options.frames // FRAMES_A_STREAM), options.seed, seconds=3600)
    _tell("serialbytes by coverage", found)
    return found


def _parts(document: dict[str, Any]) -> list[dict[str, Any]]:
    parts = list(document["targets"].values())
    return [*parts, *(part["guided"] for part in parts if "guided" in part)]


def _tell(name: str, found: dict[str, Any]) -> None:
    counted = {key: value for key, value in found.items() if key not in ("faults", "ways")}
    print(f"{name}: {json.dumps(counted)}", flush=True)
    for fault in found["faults"][:20]:
        print(f"  fault: {json.dumps(fault)}", flush=True)


def _one(options: argparse.Namespace) -> int:
    name, _, number = options.case.partition(":")
    with tempfile.TemporaryDirectory(prefix="intarsia-fuzz-") as folder:
        reader = target.load(name, Path(folder), foreign=not options.own)
        case = reader.draw(worker.numbers(options.seed, name, int(number)))
        kept = Path(tempfile.gettempdir()) / f"{name}-{number}-{Path(case.name).name}"
        kept.write_bytes(case.data)
        print(f"{kept}: {len(case.data)} bytes, changed by {case.way}")
        try:
            print(reader.run(case))
        except Exception:
            traceback.print_exc()
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
