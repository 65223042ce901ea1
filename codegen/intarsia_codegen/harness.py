# SPDX-License-Identifier: Apache-2.0
"""Firmware that speaks the serial protocol of a benchmark instead of ours."""

from __future__ import annotations

from dataclasses import dataclass

from intarsia.boards import Board
from intarsia.errors import UsageError
from intarsia.ir import Graph, Tensor

MLPERF_TINY = "mlperf-tiny"
HARNESSES = (MLPERF_TINY,)
FOLDER = "mlperf_tiny"


@dataclass(frozen=True)
class Benchmark:
    """How the runner sends samples of one benchmark, and which result it wants.

    `sent`: bytes as the model takes them, pixels of 0 to 255, or 32-bit floats.
    """

    sent: str
    mean_squared_error: bool = False


BENCHMARKS = {
    "kws01": Benchmark("int8"),
    "vww01": Benchmark("uint8"),
    "ic01": Benchmark("uint8"),
    "ad01": Benchmark("float32", mean_squared_error=True),
}
"""Of MLPerf Tiny, by the name that its runner asks for."""

_BYTES = {"int8": 1, "uint8": 1, "float32": 4}


@dataclass(frozen=True)
class Harness:
    """A harness and the benchmark that it is for."""

    name: str
    benchmark: str

    def header(self, graph: Graph, board: Board) -> str:
        """The file ``harness.h``. Raises UsageError if model or board do not go with it."""
        benchmark = BENCHMARKS[self.benchmark]
        source, target = self._only(graph, graph.inputs, "input"), self._only(graph, graph.outputs, "output")
        if board.counter.tick_hertz is None:
            raise UsageError(
                f"{board.name} has no clock, and {self.name} asks for times", hint="choose another board"
            )
        count, results = _elements(source), _elements(target)
        if benchmark.mean_squared_error and count != results:
            raise UsageError(
                f"{self.benchmark} compares input and output, which have {count} and {results} values",
                hint="is this the model of that benchmark?",
            )
        values = {
            "MODEL": f'"{self.benchmark}"',
            "INT8": "0",
            "UINT8": "1",
            "FLOAT32": "2",
            "FORMAT": f"ITR_HARNESS_{benchmark.sent.upper()}",
            "RAW_BYTES": f"{count * _BYTES[benchmark.sent]}",
            "INPUTS": f"{count}u",
            "OUTPUTS": f"{results}u",
            "INPUT_SCALE": _scale(source),
            "INPUT_ZERO": f"({_zero(source)})",
            "OUTPUT_SCALE": _scale(target),
            "OUTPUT_ZERO": f"({_zero(target)})",
            "MEAN_SQUARED_ERROR": str(int(benchmark.mean_squared_error)),
        }
        lines = [f"#define ITR_HARNESS_{name} {value}" for name, value in values.items()]
        lines.append(f"#define ITR_TICKS_PER_SECOND {board.counter.tick_hertz}u")
        return "\n".join(["#ifndef ITR_HARNESS_H", "#define ITR_HARNESS_H", *lines, "#endif", ""])

    def _only(self, graph: Graph, indices: tuple[int, ...], what: str) -> Tensor:
        if len(indices) != 1 or graph.tensor(indices[0]).dtype.name != "int8":
            raise UsageError(
                f"{self.name} takes models with one int8 {what}, and {graph.name} has another",
                hint="quantize the model first",
            )
        return graph.tensor(indices[0])


def _elements(tensor: Tensor) -> int:
    count = 1
    for size in tensor.shape:
        count *= size
    return count


def _scale(tensor: Tensor) -> str:
    scale = tensor.quant.scale[0] if tensor.quant else 1.0
    return f"{float(scale)!r}f"


def _zero(tensor: Tensor) -> int:
    return int(tensor.quant.zero_point[0]) if tensor.quant else 0
