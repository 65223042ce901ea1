# SPDX-License-Identifier: Apache-2.0
"""Post-training quantization of a float graph to int8.

The defaults are what measured best. Top-1 accuracy, and in brackets how often the first class is the float
model's, on all test samples of four networks, with bias correction:

| ranges            | kws_dscnn (600) | vww_mobilenet (72) | mobilenet_v1 (550) | ic_resnet8 (1500) |
|-------------------|-----------------|--------------------|--------------------|-------------------|
| float             | 0.908           | 0.847              | 0.467              | 0.756             |
| minmax            | 0.915 (0.992)   | 0.847 (1.000)      | 0.465 (0.900)      | 0.759 (0.964)     |
| percentile-99.9   | 0.905 (0.983)   | 0.819 (0.944)      | 0.424 (0.804)      | 0.749 (0.958)     |
| percentile-99.99  | 0.915 (0.983)   | 0.847 (1.000)      | 0.465 (0.867)      | 0.760 (0.970)     |
| percentile-99.999 | 0.913 (0.990)   | 0.847 (1.000)      | 0.476 (0.898)      | 0.759 (0.972)     |
| mse               | 0.910 (0.990)   | 0.847 (1.000)      | 0.478 (0.891)      | 0.756 (0.970)     |
| entropy           | 0.910 (0.988)   | 0.847 (0.972)      | 0.467 (0.893)      | 0.755 (0.975)     |

Without bias correction:

| minmax            | 0.915 (0.988)   | 0.847 (0.972)      | 0.442 (0.755)      | 0.755 (0.961)     |
| percentile-99.999 | 0.913 (0.987)   | 0.847 (1.000)      | 0.447 (0.760)      | 0.758 (0.966)     |
| mse               | 0.913 (0.988)   | 0.847 (0.972)      | 0.447 (0.747)      | 0.761 (0.972)     |
| entropy           | 0.913 (0.985)   | 0.861 (0.958)      | 0.438 (0.760)      | 0.759 (0.972)     |

`percentile-99.999` agrees most with the float models on average and loses no top-1 here; minmax, mse and
entropy differ from it by less than the sampling error. Rounded weights alone cost mobilenet_v1 a quarter of
its agreement; correcting the bias brings back most of that. `compare.compare` makes such a table.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from intarsia.calibrate import Statistics
from intarsia.errors import UsageError
from intarsia.ir import Graph
from intarsia.quantize.assign import assign
from intarsia.quantize.ranges import ESTIMATORS
from intarsia.quantize.rewrite import Rewriter

IO_TYPES = ("int8", "float32")
DEFAULT_ESTIMATOR = "percentile-99.999"
MAX_DROP = 0.01
"""What held-out samples may lose where layers are chosen for half precision."""


@dataclass(frozen=True)
class Options:
    """Choices of `quantize`.

    `estimator`: a name of `ranges.ESTIMATORS`. `io`: type of the graph's float inputs and outputs afterwards.
    `correct_bias`: whether biases make up for the mean error of rounded weights. `half`: "all" is no int8, but
    float32 layers in half precision, which needs no calibration; "auto" leaves those layers to it that int8 costs
    most accuracy, until held-out samples lose at most `max_drop` (`halfplan`).
    """

    estimator: str = DEFAULT_ESTIMATOR
    io: str = "int8"
    correct_bias: bool = True
    half: str = "off"
    max_drop: float = MAX_DROP


def quantize(
    graph: Graph, statistics: Statistics, options: Options | None = None, *, real: Collection[str] = ()
) -> Graph:
    """The graph with int8 feature maps and weights, int32 biases, and the same rounding rule.

    Layers that make a tensor named in `real` stay float32.

    Weights are symmetric with a scale per output channel, feature maps asymmetric with one scale. Operators
    that have no int8 form stay float32 between DEQUANTIZE and QUANTIZE. Raises UsageError for unknown options
    when the statistics are those of another model, and for
    models that keep states.
    """
    options = options or Options()
    if options.estimator not in ESTIMATORS:
        known = ", ".join(ESTIMATORS)
        raise UsageError(f"unknown range estimator '{options.estimator}'", hint=f"known: {known}")
    if options.io not in IO_TYPES:
        raise UsageError(f"inputs and outputs of type '{options.io}'", hint=f"known: {', '.join(IO_TYPES)}")
    if graph.states:
        raise UsageError(
            f"'{graph.name}' keeps states between inferences", hint="quantize it in the tool that trained it"
        )
    quantization = assign(graph, statistics, ESTIMATORS[options.estimator])
    rewriter = Rewriter(graph, quantization, statistics, correct_bias=options.correct_bias, real=real)
    return rewriter.run(options.io)
