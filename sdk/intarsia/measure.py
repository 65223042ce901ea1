# SPDX-License-Identifier: Apache-2.0
"""Runs a built firmware on samples and records what the device answers."""

from __future__ import annotations

import contextlib
import os
import statistics
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from intarsia import dtypes
from intarsia.build import Built, Project
from intarsia.device import Device, Inference
from intarsia.errors import StageError
from intarsia.runners import ANYWHERE, Link, Place, find_runner
from intarsia.wire import Identity

Progress = Callable[[int, int], None]
Frames = Callable[[dict[str, Any]], None]

INFERENCE_SECONDS = 300.0
"""Longest that one inference may take before the device counts as hung."""


@dataclass(frozen=True)
class Measurement:
    """Answers of the device, in sample order.

    `outputs[i]` are the output tensors of sample i; `layer_counts[i]` its counts per layer in the board's unit (None
    where the board has no counter); `stack_bytes` the most stack the device saw used (None: it cannot tell);
    `damaged` counts damaged frames by kind.
    """

    outputs: list[list[np.ndarray]]
    layer_counts: list[tuple[int, ...]] | None
    stack_bytes: int | None
    unit: str
    damaged: Counter[str] = field(default_factory=Counter)

    @property
    def latency(self) -> int | None:
        """Median count of one inference."""
        if self.layer_counts is None:
            return None
        return int(statistics.median_low(sum(counts) for counts in self.layer_counts))

    @property
    def layers(self) -> list[int] | None:
        """Median count of each layer."""
        if self.layer_counts is None:
            return None
        return [int(statistics.median_low(column)) for column in zip(*self.layer_counts, strict=True)]


def measure(
    built: Built,
    samples: Sequence[Sequence[np.ndarray]],
    *,
    progress: Progress | None = None,
    stream: Frames | None = None,
    place: Place = ANYWHERE,
    timeout: float = INFERENCE_SECONDS,
) -> Measurement:
    """Runs every sample (one array per model input, of its own type) on the project's board.

    Emulated and host boards are started once per processor, unless `place` names the port of one that runs already.
    Raises StageError when the device fails, does not answer in `timeout` seconds, or runs another firmware.
    """
    project = built.project
    payloads = [b"".join(np.ascontiguousarray(x).tobytes() for x in sample) for sample in samples]
    shards = _shards(project, place, len(payloads))
    answers: list[Inference | None] = [None] * len(payloads)
    tally = _Tally(len(payloads), progress, stream, project)

    def serve(indices: range) -> tuple[Identity, Counter[str]]:
        with contextlib.closing(connect(project, place)) as link:
            device = Device(link, timeout=timeout)
            identity = device.hello()
            _check_identity(identity, project)
            for index in indices:
                answers[index] = device.infer(payloads[index])
                tally.add(index, answers[index])
            device.exit()
            return identity, device.statistics.damaged

    with ThreadPoolExecutor(max(len(shards), 1)) as pool:
        served = list(pool.map(serve, shards))
    done = [answer for answer in answers if answer is not None]
    counts = [answer.layer_counts for answer in done if answer.layer_counts is not None]
    stacks = [answer.stack_bytes for answer in done if answer.stack_bytes is not None]
    return Measurement(
        outputs=[split_outputs(answer.outputs, project) for answer in done],
        layer_counts=counts or None,
        stack_bytes=max(stacks, default=None),
        unit=served[0][0].unit if served else project.board.counter.unit,
        damaged=sum((damaged for _, damaged in served), Counter()),
    )


def dump(
    project: Project,
    sample: Sequence[np.ndarray],
    maps: Sequence[tuple[int, int, int]],
    *,
    place: Place = ANYWHERE,
    timeout: float = INFERENCE_SECONDS,
) -> dict[tuple[int, int], bytes]:
    """Runs one sample on a firmware that sends its feature maps; the bytes of each by (layer, number of the output).

    `maps` are those that must come: (layer, number of the output, bytes). Raises StageError as `measure`, and when the
    firmware sends others.
    """
    payload = b"".join(np.ascontiguousarray(x).tobytes() for x in sample)
    with contextlib.closing(connect(project, place)) as link:
        device = Device(link, timeout=timeout)
        _check_identity(device.hello(), project)
        found = device.dump(payload, len(maps), max((size for *_, size in maps), default=0))
        device.exit()
    if {(*key, len(data)) for key, data in found.items()} != set(maps):
        raise StageError(
            "the firmware sends other feature maps than its project has", hint="generate it again"
        )
    return found


def split_outputs(data: bytes, project: Project) -> list[np.ndarray]:
    """The output tensors in the device's answer."""
    tensors, position = [], 0
    for port in project.document["outputs"]:
        dtype = dtypes.BY_NAME[port["dtype"]].numpy
        count = int(np.prod(port["shape"], dtype=np.int64))
        tensors.append(np.frombuffer(data, dtype, count, position).reshape(port["shape"]))
        position += count * dtype.itemsize
    return tensors


def connect(project: Project, place: Place) -> Link:
    """A link to the project's firmware: started if its board is a process, unless a port says where it runs."""
    runner = find_runner(project.board.runner.kind)
    if runner.starts_firmware and place.port is not None:
        from intarsia.runners._serial import SerialLink

        return SerialLink(place.port, project.board.target.baud)
    return runner.open(project.elf, project.board, place)


def _shards(project: Project, place: Place, count: int) -> list[range]:
    """Interleaved sample indices for each instance of the board: several where boards are processes."""
    several = find_runner(project.board.runner.kind).starts_firmware and place.port is None
    instances = min(os.cpu_count() or 1, count) if several else min(1, count)
    return [range(start, count, instances) for start in range(instances)]


def _check_identity(identity: Identity, project: Project) -> None:
    expected = bytes.fromhex(project.document["hash"])[:16]
    if identity.model_hash != expected:
        raise StageError(
            f"the device runs another model ({identity.model}, {identity.model_hash.hex()[:8]}), "
            f"not {project.document['identifier']} ({expected.hex()[:8]})",
            hint="flash this project first: `intarsia flash`",
        )


class _Tally:
    """Counts finished samples of all instances and passes them on, one at a time."""

    def __init__(
        self, total: int, progress: Progress | None, stream: Frames | None, project: Project
    ) -> None:
        self._lock = threading.Lock()
        self._done, self._total = 0, total
        self._progress, self._stream, self._project = progress, stream, project

    def add(self, index: int, answer: Inference | None) -> None:
        with self._lock:
            self._done += 1
            if self._progress:
                self._progress(self._done, self._total)
            if self._stream and answer is not None:
                outputs = [o.reshape(-1).tolist() for o in split_outputs(answer.outputs, self._project)]
                self._stream(
                    {
                        "event": "inference",
                        "sample": index,
                        "layer_counts": answer.layer_counts,
                        "stack_bytes": answer.stack_bytes,
                        "outputs": outputs,
                    }
                )
