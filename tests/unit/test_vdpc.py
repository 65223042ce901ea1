# SPDX-License-Identifier: Apache-2.0
"""Classification of patches by their values: thresholds, classes, the rule for the device, and degenerate cases."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from intarsia import batching, stitching
from intarsia.dtypes import UINT8
from intarsia.errors import UsageError
from intarsia.ir import Attrs, Graph, Node, Quantization, Tensor
from intarsia.plan import vdpc
from intarsia.plan.patch import tiling_of
from intarsia.plan.vdpc import Deviations, Options
from support import small

QUANT = Quantization((0.5,), (-3,))


def grid_boxes(parts: int, size: int) -> list[vdpc.Box]:
    step = size // parts
    cuts = [slice(i * step, (i + 1) * step) for i in range(parts)]
    return [(rows, columns) for rows in cuts for columns in cuts]


def images(count: int = 9, seed: int = 0) -> np.ndarray:
    """Codes whose spread differs from patch to patch."""
    random = np.random.default_rng(seed)
    spread = np.kron(np.linspace(2, 20, 9).reshape(3, 3), np.ones((4, 4)))[None, :, :, None]
    return np.clip(np.round(random.normal(0, 1, (count, 12, 12, 2)) * spread), -128, 127).astype(np.int8)


def deviations(tolerance: float = 0.0) -> Deviations:
    return vdpc.measure(images(), QUANT, grid_boxes(3, 12), tolerance)


def test_mean_and_deviation_are_those_of_the_real_values() -> None:
    real = (images().astype(np.float64) + 3) * 0.5
    seen = deviations()
    assert seen.mean == pytest.approx(real.mean())
    assert seen.deviation == pytest.approx(real.std())


def test_worst_is_the_farthest_value_that_is_not_excused() -> None:
    seen, real = deviations(0.1), (images().astype(np.float64) + 3) * 0.5
    distance = np.sort(np.abs(real[:, :4, :4].reshape(9, -1) - real.mean()) / real.std(), axis=1)
    assert seen.allowed == (3,) * 9
    assert np.allclose(seen.worst[:, 0], distance[:, -4])


@pytest.mark.parametrize(("share", "count"), [(0.0, 0), (0.25, 2), (0.5, 4), (1.0, 9)])
def test_share_gives_that_many_patches(share: float, count: int) -> None:
    classes = vdpc.classify(deviations(), Options("share", share))
    assert classes.count == count
    assert (classes.degenerate is None) == (0 < count < 9)


def test_the_patches_with_the_widest_values_are_outliers() -> None:
    classes = vdpc.classify(deviations(), Options("share", 3 / 9))
    assert [i for i, outlier in enumerate(classes.outlier) if outlier] == [6, 7, 8]


def test_fixed_thresholds_are_what_they_say() -> None:
    assert vdpc.classify(deviations(), Options("coverage", 0.96)).z == pytest.approx(2.0537, abs=1e-4)
    assert vdpc.classify(deviations(), Options("density", math.exp(-2.0))).z == pytest.approx(2.0)
    assert vdpc.classify(deviations(), Options("z", 1.5)).coverage == pytest.approx(0.8664, abs=1e-4)


@pytest.mark.parametrize(("z", "count", "word"), [(0.0, 9, "every"), (50.0, 0, "no")])
def test_a_fixed_z_degenerates_and_says_so(z: float, count: int, word: str) -> None:
    classes = vdpc.classify(deviations(), Options("z", z))
    assert classes.count == count
    assert f"makes {word} patch" in str(classes.degenerate)


@pytest.mark.parametrize("tau", [0.0, 0.3, 0.5, 0.9])
def test_static_class_means_outlier_in_more_than_tau_of_the_samples(tau: float) -> None:
    seen = deviations()
    classes = vdpc.classify(seen, Options("z", 2.5, tau))
    shares = (seen.worst > 2.5).mean(axis=0)
    assert classes.outlier == tuple(bool(s > tau) for s in shares)
    assert classes.shares == pytest.approx(shares)
    assert classes.dynamic_share == pytest.approx(shares.mean())


@pytest.mark.parametrize("tolerance", [0.0, 0.1])
@pytest.mark.parametrize("z", [1.0, 2.0, 3.0])
def test_the_device_rule_decides_as_the_statistics_do(tolerance: float, z: float) -> None:
    seen = deviations(tolerance)
    classes = vdpc.classify(seen, Options("z", z, tolerance=tolerance))
    for sample, codes in enumerate(images()):
        for patch, box in enumerate(grid_boxes(3, 12)):
            assert classes.decide(codes[box], patch) == (seen.worst[sample, patch] > z)


def test_a_constant_map_has_no_outliers() -> None:
    seen = vdpc.measure(np.full((4, 12, 12, 1), 7, np.int8), QUANT, grid_boxes(3, 12), 0.0)
    assert seen.deviation == 0.0
    assert vdpc.classify(seen, Options("z", 0.5)).count == 0


def test_equal_patches_are_never_told_apart() -> None:
    codes = np.tile(images()[:, :4, :4], (1, 3, 3, 1))
    seen = vdpc.measure(codes, QUANT, grid_boxes(3, 12), 0.0)
    assert vdpc.classify(seen, Options("share", 0.5)).count == 0


def test_same_data_same_classes() -> None:
    assert vdpc.classify(deviations()) == vdpc.classify(deviations())


@pytest.mark.parametrize(
    "options",
    [
        Options("area"),
        Options("share", 1.5),
        Options("coverage", 1.0),
        Options("density", 0.0),
        Options("z", -1.0),
        Options("z", math.nan),
        Options(tau=1.0),
        Options(tolerance=-0.1),
    ],
)
def test_senseless_options_are_refused(options: Options) -> None:
    with pytest.raises(UsageError):
        vdpc.classify(deviations(), options)


def test_patches_of_a_network() -> None:
    graph = small.int8_graph()
    tiling = tiling_of(graph, 3, (2, 2), "reader")
    classes = vdpc.classify(vdpc.observe(tiling, small.int8_samples(graph, 12), 0.0), Options("share", 0.25))
    assert classes.outlier == (True, False, False, False)
    ours, theirs = (vdpc.masks(tiling, np.array([classes.outlier]), which) for which in (False, True))
    split = tiling.head.tensor
    assert (ours[split] ^ theirs[split]).all()
    assert theirs[split].sum() == 9
    assert (ours[0] & theirs[0]).any()
    assert (ours[0] | theirs[0]).all()


def test_float_maps_are_refused() -> None:
    graph = small.int8_graph()
    tiling = tiling_of(graph, 3, (2, 2), "reader")
    tensors = list(graph.tensors)
    tensors[graph.inputs[0]] = replace(tensors[graph.inputs[0]], quant=None)
    head = replace(tiling.head, graph=graph.replace(tensors=tuple(tensors)))
    with pytest.raises(UsageError, match="int8"):
        vdpc.observe(replace(tiling, head=head), small.int8_samples(graph, 2), 0.0)


def unsigned(graph: Graph) -> Graph:
    """The same with an uint8 input that a QUANTIZE makes int8."""
    source = graph.tensor(graph.inputs[0])
    assert source.quant is not None
    scale, zero = source.quant.scale[0], source.quant.zero_point[0]
    image = Tensor("pixels", source.shape, UINT8, Quantization((scale * 0.75,), (zero + 130,)))
    convert = Node("QUANTIZE", (len(graph.tensors),), graph.inputs, Attrs(), "convert")
    return graph.replace(
        tensors=(*graph.tensors, image), nodes=(convert, *graph.nodes), inputs=(len(graph.tensors),)
    ).verify()


def test_a_device_looks_at_the_codes_of_its_own_input() -> None:
    """The threshold of the int8 map, in codes of the uint8 input; both tell the same patches apart."""
    graph = unsigned(small.int8_graph())
    tiling = tiling_of(graph, 4, (2, 2), "arena")
    random = np.random.default_rng(4)
    shape = graph.tensor(graph.inputs[0]).shape
    images = np.clip(np.round(random.normal(120, 40, (20, *shape))), 0, 255).astype(np.uint8)
    classes = vdpc.classify(vdpc.observe(tiling, (images,), 0.01), Options("share", 0.4), dynamic=True)
    rule = vdpc.device_rule(graph, classes)
    assert 0 < rule.first < rule.last < 255
    found = stitching.outlying(rule, tiling, images)
    assert 0.0 < found.mean() <= 0.4
    codes = batching.outputs(graph.replace(nodes=graph.nodes[:1], outputs=graph.nodes[0].outputs), (images,))[
        0
    ]
    for place, box in enumerate(vdpc.boxes(tiling, graph.nodes[0].outputs[0])):
        for image, outlier in zip(codes, found[:, place], strict=True):
            assert classes.decide(image[0][box], place) == outlier


def test_a_device_cannot_look_at_real_values() -> None:
    graph = small.float_graph()
    classes = vdpc.classify(deviations(), Options("z", 2.0))
    with pytest.raises(UsageError, match="is float32"):
        vdpc.device_rule(graph, classes)
