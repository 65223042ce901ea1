# SPDX-License-Identifier: Apache-2.0
"""Runs cases of one target in a process of its own, which may die of them: `python -m fuzzing.worker TARGET ...`.

It writes the number of the case at hand to a file, and what came of every block of cases to standard output, a line of
JSON for each block.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
from pathlib import Path

from fuzzing import guard, target

BLOCK = 500


def numbers(seed: int, name: str, index: int) -> random.Random:
    """The random numbers of one case: the same in every campaign of that seed."""
    return random.Random(f"{seed}/{name}/{index}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--first", type=int, required=True)
    parser.add_argument("--end", type=int, required=True)
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--skip", type=int, nargs="*", default=[])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--own", action="store_true")
    options = parser.parse_args()
    files = options.folder / "files"
    files.mkdir(exist_ok=True)
    reader = target.load(options.name, files, foreign=not options.own)
    if reader.limited:
        guard.limit_address_space()
    place = os.open(options.folder / "case", os.O_WRONLY | os.O_CREAT)
    indices = range(options.first, options.end, options.step)
    for start in range(0, len(indices), BLOCK):
        block = indices[start : start + BLOCK]
        print(json.dumps(_block(reader, options, block, place)), flush=True)


def _block(reader: target.Target, options: argparse.Namespace, block: range, place: int) -> dict[str, object]:
    """What came of a block of cases: how many of each way and outcome, and the faults."""
    ways: collections.Counter[str] = collections.Counter()
    outcomes: collections.Counter[str] = collections.Counter()
    faults = []
    reader.tally.clear()
    for index in block:
        if index in options.skip:
            continue
        os.pwrite(place, f"{index:20d}".encode(), 0)
        case = reader.draw(numbers(options.seed, options.name, index))
        outcome = guard.run(lambda case=case: reader.run(case), reader.exit_codes)  # type: ignore[misc]
        ways[case.way] += 1
        outcomes[outcome.what] += 1
        if outcome.fault is not None:
            faults.append({"case": index, "what": outcome.what, "fault": outcome.fault})
    done = block[-1] + options.step
    return {"next": done, "ways": ways, "outcomes": outcomes, "tally": reader.tally, "faults": faults}


if __name__ == "__main__":
    main()
