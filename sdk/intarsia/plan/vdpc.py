# SPDX-License-Identifier: Apache-2.0
"""Value-driven patch classification: which patches hold outliers and keep 8 bits.

Implements VDPC from the published description (Tao et al., Value-Driven Mixed-Precision Quantization for Patch-Based
Inference on Microcontrollers, 2024); thresholds are ours. A value v of the looked-at feature map is an outlier if
|v - mean| > z * deviation, mean and deviation being those of the map over the calibration data. A patch of one sample
is an outlier if more than `tolerance` of its values are. The classes are static: a patch position is an outlier if its
patch is one in more than `tau` of the samples. The dynamic form decides anew for every sample (`Classes.decide`), and
then a share is one of all patches of all samples.

A fixed z ("any value beyond 2 deviations") degenerates: of the 16,875 values of a 75x75x3 patch some always lie beyond,
so every patch is an outlier and nothing is won; with a large z none is. So z is by default tuned to a share of
positions. Both fixed forms stay available, and `Classes.degenerate` says when one has put all patches into one class.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from intarsia import batching, ops
from intarsia.dtypes import INT8
from intarsia.errors import UsageError
from intarsia.ir import Graph, OutlierRule, Quantization
from intarsia.plan.entropy import CODES, FIRST_CODE, Histogram
from intarsia.plan.head import Tiling

RULES = ("share", "coverage", "density", "z")
FORMS = ("static", "dynamic", "off")

Box = tuple[slice, slice]
"""Rows and columns of a patch in the looked-at feature map."""


@dataclass(frozen=True)
class Options:
    """`rule` says what `value` is: the share of patch positions that shall be outliers ("share"); the probability that
    a Gaussian value is none ("coverage"); the density of the farthest such value over that of the mean ("density"); or
    z itself. `tau`: share of samples, `tolerance`: share of a patch's values."""

    rule: str = "share"
    value: float = 0.25
    tau: float = 0.5
    tolerance: float = 0.001

    def check(self) -> None:
        """Raises UsageError for what no threshold can be made of."""
        if self.rule not in RULES:
            raise UsageError(f"unknown outlier rule '{self.rule}'", hint=f"known: {', '.join(RULES)}")
        inside = {
            "share": 0.0 <= self.value <= 1.0,
            "coverage": 0.0 <= self.value < 1.0,
            "density": 0.0 < self.value <= 1.0,
            "z": 0.0 <= self.value < math.inf,
        }
        if not inside[self.rule]:
            raise UsageError(f"{self.value} is no {self.rule} for outliers")
        if not (0.0 <= self.tau < 1.0 and 0.0 <= self.tolerance < 1.0):
            raise UsageError(f"tau {self.tau} and tolerance {self.tolerance} must lie in [0, 1)")


@dataclass(frozen=True, eq=False)
class Membership:
    """Which patches are outliers: bool `outlier` [samples, patches], or [1, patches] where that is the same in all
    samples. `dynamic`: a device decides for itself, so that any patch can be of either class."""

    outlier: np.ndarray
    dynamic: bool = False

    @staticmethod
    def static(outlier: Sequence[bool]) -> Membership:
        """The same in every sample."""
        return Membership(np.array([outlier], np.bool_))

    @property
    def single(self) -> bool | None:
        """The class of all patches of all samples; None when there are both."""
        return None if self.outlier.any() and not self.outlier.all() else bool(self.outlier.any())

    def shares(self, which: bool) -> list[float]:
        """For each patch the part of the samples in which it is of a class."""
        return [float(share) for share in (self.outlier == which).mean(axis=0)]

    def places(self, which: bool) -> list[int]:
        """The patches that can be of a class."""
        if self.dynamic:
            return list(range(self.outlier.shape[1]))
        return [place for place, share in enumerate(self.shares(which)) if share > 0.0]

    def restricted(self, samples: slice) -> np.ndarray:
        """bool [samples or 1, patches] of some of the samples."""
        return self.outlier if len(self.outlier) == 1 else self.outlier[samples]


@dataclass(frozen=True, eq=False)
class Deviations:
    """How far out the values of patches lie.

    `mean` and `deviation` of the map are real values; `allowed` [P] values of each patch may be outliers, and the
    `worst` [N, P] of the others lies that many deviations from the mean, per sample and patch.
    """

    quantization: Quantization
    mean: float
    deviation: float
    allowed: tuple[int, ...]
    worst: np.ndarray


@dataclass(frozen=True)
class Classes:
    """Which patches are outliers, in the order of the branches.

    `shares`: part of the samples in which each patch was one, which is what the dynamic form would meet. `coverage` is
    the Gaussian probability within z deviations. `first` and `last` are the codes of the looked-at map that are no
    outliers, `allowed` how many others each patch may hold: what a device needs to decide by itself.
    """

    outlier: tuple[bool, ...]
    shares: tuple[float, ...]
    z: float
    coverage: float
    first: int
    last: int
    allowed: tuple[int, ...]

    @property
    def count(self) -> int:
        return sum(self.outlier)

    @property
    def dynamic_share(self) -> float:
        """Part of all patches of all samples that are outliers."""
        return sum(self.shares) / len(self.shares) if self.shares else 0.0

    @property
    def degenerate(self) -> str | None:
        """Says so when all patches are in one class."""
        if not self.outlier or 0 < self.count < len(self.outlier):
            return None
        which = "every" if self.count else "no"
        return (
            f"z = {self.z:.3f} makes {which} patch an outlier: patches then are no different from each other"
        )

    def decide(self, codes: np.ndarray, patch: int) -> bool:
        """Whether a patch with these codes is an outlier: the rule that a device applies at run time."""
        return int(((codes < self.first) | (codes > self.last)).sum()) > self.allowed[patch]


def measure(
    codes: np.ndarray, quantization: Quantization, boxes: Sequence[Box], tolerance: float
) -> Deviations:
    """Deviations of the patches `boxes` of a map with int8 `codes` [N, H, W, C]."""
    counts = np.bincount(codes.reshape(-1).astype(np.int64) - FIRST_CODE, minlength=CODES)
    values = Histogram(counts, quantization).values
    mean = float(counts @ values) / max(float(counts.sum()), 1.0)
    deviation = math.sqrt(float(counts @ np.square(values - mean)) / max(float(counts.sum()), 1.0))
    distance = np.abs(values - mean) / deviation if deviation > 0.0 else np.zeros(CODES)
    worst, allowed = np.zeros((len(codes), len(boxes))), []
    for place, (rows, columns) in enumerate(boxes):
        patch = codes[:, rows, columns].reshape(len(codes), -1).astype(np.int64) - FIRST_CODE
        excused = int(tolerance * patch.shape[1])
        allowed.append(excused)
        if patch.shape[1]:
            worst[:, place] = np.partition(distance[patch], -1 - excused, axis=1)[:, -1 - excused]
    return Deviations(quantization, mean, deviation, tuple(allowed), worst)


def boxes(tiling: Tiling, tensor: int) -> list[Box]:
    """What each branch computes or reads of a feature map up to the split, in the order of the branches."""
    return [
        (slice(rows[tensor].low, rows[tensor].high), slice(columns[tensor].low, columns[tensor].high))
        for rows in tiling.rows
        for columns in tiling.columns
    ]


def masks(tiling: Tiling, members: np.ndarray, which: bool) -> dict[int, np.ndarray]:
    """For each feature map up to the split, bool [N, H, W]: true where branches of a class compute or read it, with
    bool [N, patches] `members` of the outliers."""
    found = {}
    for tensor in tiling.rows[0]:
        shape = tiling.head.graph.tensor(tensor).shape
        found[tensor] = np.zeros((len(members), *shape[1:3]), np.bool_)
        for place, (rows, columns) in enumerate(boxes(tiling, tensor)):
            found[tensor][:, rows, columns] |= (members[:, place] == which)[:, None, None]
    return found


def observe(
    tiling: Tiling, samples: Sequence[np.ndarray], tolerance: float, tensor: int | None = None
) -> Deviations:
    """Deviations of the patches of a feature map up to the split, by default the input that is cut into patches.

    `samples`: calibration data [N, *shape] per graph input, in its own type. Raises UsageError for a map without int8
    codes.
    """
    graph = tiling.head.graph
    index = _first_map(graph) if tensor is None else tensor
    quant = graph.tensor(index).quant
    if graph.tensor(index).dtype != INT8 or quant is None or quant.per_channel:
        raise UsageError(f"outliers are looked for in int8 maps; '{graph.tensor(index).name}' is none")
    nodes = tiling.head.nodes
    end = next((place + 1 for place, node in enumerate(nodes) if index in node.outputs), 0)
    (codes,) = batching.outputs(graph.replace(nodes=nodes[:end], outputs=(index,)), samples)
    return measure(codes[:, 0], quant, boxes(tiling, index), tolerance)


def _first_map(graph: Graph) -> int:
    """The graph input, or the int8 map that it is converted to."""
    index = graph.inputs[0]
    if graph.tensor(index).dtype != INT8 and graph.nodes and graph.nodes[0].op == "QUANTIZE":
        return graph.nodes[0].outputs[0]
    return index


def classify(seen: Deviations, options: Options | None = None, dynamic: bool = False) -> Classes:
    """Classes of the patches; with the `dynamic` form a share is one of all patches of all samples. Raises UsageError
    for options that make no sense."""
    options = options or Options()
    options.check()
    critical = _critical(seen.worst, options.tau)
    z = _threshold(seen.worst.reshape(-1) if dynamic else critical, options)
    shares = (seen.worst > z).mean(axis=0) if len(seen.worst) else np.zeros(len(critical))
    first, last = _ordinary(seen, z)
    return Classes(
        tuple(bool(c > z) for c in critical),
        tuple(float(s) for s in shares),
        z,
        2.0 * NormalDist().cdf(z) - 1.0,
        first,
        last,
        seen.allowed,
    )


def membership(seen: Deviations, classes: Classes, dynamic: bool) -> Membership:
    """Which patches are of which class, over the samples that were observed."""
    if not dynamic:
        return Membership.static(classes.outlier)
    return Membership(seen.worst > classes.z, dynamic=True)


def device_rule(graph: Graph, classes: Classes) -> OutlierRule:
    """The rule in codes of the graph's input, which is what a device can look at.

    Raises UsageError for an input of a type that has no more than 256 codes.
    """
    source, looked_at = graph.tensor(graph.inputs[0]), _first_map(graph)
    if not source.dtype.is_integer or source.dtype.bits != 8:
        raise UsageError(
            f"a device cannot look for outliers in '{source.name}', which is {source.dtype.name}",
            hint="use static classes, or an input of 8-bit integers",
        )
    first, last = source.dtype.range
    codes = np.arange(first, last + 1).astype(source.dtype.numpy)
    seen = codes
    if looked_at != graph.inputs[0]:
        seen = _converted(graph, codes)
    inside = codes[(seen >= classes.first) & (seen <= classes.last)]
    if not inside.size:
        return OutlierRule(first + 1, first, classes.allowed)
    return OutlierRule(int(inside[0]), int(inside[-1]), classes.allowed)


def _converted(graph: Graph, codes: np.ndarray) -> np.ndarray:
    """What the QUANTIZE behind the graph's input makes of these codes; it never lowers their order."""
    node = graph.nodes[0]
    tensors = list(graph.tensors)
    for index in (node.inputs[0], node.outputs[0]):
        tensors[index] = replace(tensors[index], shape=codes.shape)
    (result,) = ops.registry()[node.op].reference(node, graph.replace(tensors=tuple(tensors)), [codes])
    return result


def _critical(worst: np.ndarray, tau: float) -> np.ndarray:
    """For each patch the largest z at which it no longer is an outlier in more than tau of the samples."""
    samples = len(worst)
    if samples == 0:
        return np.zeros(worst.shape[1])
    rank = min(int(tau * samples + 1e-9), samples - 1)
    result: np.ndarray = -np.sort(-worst, axis=0)[rank]
    return result


def _threshold(critical: np.ndarray, options: Options) -> float:
    if options.rule == "z":
        return options.value
    if options.rule == "coverage":
        return NormalDist().inv_cdf((1.0 + options.value) / 2.0)
    if options.rule == "density":
        return math.sqrt(-2.0 * math.log(options.value))
    wanted = round(options.value * len(critical))
    ordered = -np.sort(-critical)
    if wanted < len(ordered):
        return float(ordered[wanted])
    return float(np.nextafter(ordered[-1], -1.0)) if len(ordered) else 0.0


def _ordinary(seen: Deviations, z: float) -> tuple[int, int]:
    """First and last int8 code within z deviations of the mean; none (first > last) if the mean's own is not."""
    values = Histogram(np.zeros(CODES), seen.quantization).values
    distance = np.abs(values - seen.mean) / seen.deviation if seen.deviation > 0.0 else np.zeros(CODES)
    inside = np.flatnonzero(distance <= z)
    if not inside.size:
        return 1, 0
    return int(inside[0]) + FIRST_CODE, int(inside[-1]) + FIRST_CODE
