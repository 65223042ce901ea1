# SPDX-License-Identifier: Apache-2.0
"""Feature maps and weights below 8 bits: codes, errors, equalisation, and classes of patches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from intarsia import batching, precisionplan, simulate, stitching
from intarsia.data import Dataset
from intarsia.dtypes import INT4, INT8
from intarsia.errors import UsageError
from intarsia.ir import Graph, OutlierRule
from intarsia.passes.constant_channels import code_ranges
from intarsia.plan import precision, vdpc
from intarsia.plan.branches import box, expand, filled
from intarsia.plan.head import Tiling
from intarsia.plan.patch import tiling_of
from intarsia.plan.precision import Wanted
from intarsia.plan.vdpc import Membership
from intarsia.plan.vdqs import Options as Search
from intarsia.plan.vdqs import search
from intarsia.quantize import classes, drop, equalise, layout, rounding
from intarsia.quantize.classes import Widths
from intarsia.quantize.drop import Drop
from intarsia.quantize.harm import Harm
from intarsia.quantize.mixed import Bits, Options, requantize
from intarsia.request import Mixing, Silent
from support import small

STEM, DEEP, POINT, LAST = ("stem", "deep", "point", "last")
OUTLIER = (True, False, False, True)


def index(graph: Graph, name: str) -> int:
    return next(i for i, tensor in enumerate(graph.tensors) if tensor.name == name)


def layer(graph: Graph, name: str) -> int:
    return next(p for p, node in enumerate(graph.nodes) if graph.output(node).name == name)


def narrow(graph: Graph, maps: tuple[str, ...], weights: tuple[str, ...], bits: int = 4) -> Bits:
    return Bits({index(graph, m): bits for m in maps}, {layer(graph, w): bits for w in weights})


def error(graph: Graph, other: Graph, count: int = 24) -> float:
    """Mean squared error of the outputs on new samples, as real values."""
    samples = small.int8_samples(graph, count, seed=9)
    pair = [layout.decoded(batching.outputs(g, samples)[0], g.tensor(g.outputs[0])) for g in (graph, other)]
    return float(np.square(pair[0] - pair[1]).mean())


def made(graph: Graph, bits: Bits, options: Options | None = None) -> Graph:
    return requantize(graph, small.int8_samples(graph, 16), bits, options).graph


def test_nothing_to_do_changes_nothing() -> None:
    graph = small.int8_graph()
    same = made(graph, Bits())
    assert same.nodes == graph.nodes
    for a, b in zip(same.tensors, graph.tensors, strict=True):
        assert (a.shape, a.dtype, a.quant, a.data is b.data) == (b.shape, b.dtype, b.quant, True)


@pytest.mark.parametrize("bits", [4, 2])
def test_types_and_codes_are_those_asked_for(bits: int) -> None:
    graph = small.int8_graph()
    result = made(graph, narrow(graph, (STEM, DEEP, LAST), (DEEP, POINT, LAST), bits))
    for name in (STEM, DEEP, LAST):
        assert result.tensor(index(graph, name)).dtype.bits == bits
    assert result.tensor(index(graph, POINT)).dtype == INT8
    for name in (DEEP, POINT, LAST):
        weights = result.required(result.nodes[layer(graph, name)], 1)
        assert weights.dtype.bits == bits
        assert weights.data is not None
        low, high = weights.dtype.range
        assert low <= weights.data.min()
        assert weights.data.max() <= high
    values = simulate.run_all(result, [x[0] for x in small.int8_samples(graph, 1)])
    for i, value in values.items():
        low, high = result.tensor(i).dtype.range
        assert low <= value.min()
        assert value.max() <= high


def test_channels_that_never_change_stay_so() -> None:
    """Clamped at either end, with weights and maps around them of fewer bits, equalised or not."""
    graph = small.int8_graph()
    place = layer(graph, DEEP)
    bias = graph.nodes[place].inputs[2]
    data = graph.constant(graph.nodes[place], 2).copy()
    data[1], data[4] = -(1 << 24), 1 << 24
    tensors = list(graph.tensors)
    tensors[bias] = replace(tensors[bias], data=data)
    graph = graph.replace(tensors=tuple(tensors))
    before = code_ranges(graph)[index(graph, DEEP)]
    assert before.constant[[1, 4]].all()
    wanted = layout.decoded(before.low.reshape(1, -1), graph.tensor(index(graph, DEEP)))
    for bits in (narrow(graph, (STEM, DEEP, POINT), (DEEP,)), narrow(graph, (STEM,), (STEM,))):
        for options in (Options(), Options(equalise=False)):
            result = made(graph, bits, options)
            codes = code_ranges(result)[index(graph, DEEP)]
            assert codes.constant[[1, 4]].all()
            values = layout.decoded(codes.low.reshape(1, -1), result.tensor(index(graph, DEEP)))
            if not options.equalise:
                assert values[0, 1] == pytest.approx(wanted[0, 1], abs=1e-6)
                assert 0.0 < values[0, 4] <= wanted[0, 4] * 1.1


def test_same_data_same_graph() -> None:
    graph = small.int8_graph()
    bits = narrow(graph, (STEM, DEEP), (POINT,))
    first, second = made(graph, bits), made(graph, bits)
    for a, b in zip(first.tensors, second.tensors, strict=True):
        assert (a.quant, a.dtype) == (b.quant, b.dtype)
        assert a.data is None or np.array_equal(a.data, b.data)


def test_each_refinement_lowers_the_error() -> None:
    """Summed over networks: a single one can be lucky."""
    totals = dict.fromkeys(("plain", "ranges", "bias", "rounding"), 0.0)
    for seed in range(6):
        graph = small.int8_graph(seed)
        bits = narrow(graph, (STEM, DEEP, LAST), (STEM, DEEP, POINT, LAST))
        for name, options in (
            ("plain", Options("minmax", "nearest", False, False)),
            ("ranges", Options("mse", "nearest", False, False)),
            ("bias", Options("mse", "nearest", True, False)),
            ("rounding", Options("mse", "compensated", True, False)),
        ):
            totals[name] += error(graph, made(graph, bits, options))
    assert totals["rounding"] < totals["bias"] < totals["ranges"] < totals["plain"]


def test_compensated_rounding_beats_the_nearest_codes() -> None:
    random = np.random.default_rng(0)
    mixing = random.normal(0, 1, (20, 20))
    seen = random.normal(0, 1, (1, 500, 20)) @ mixing
    weights = random.normal(0, 1, (1, 6, 20))
    found = rounding.moments(seen, seen)
    scale = rounding.scales(weights, np.ones((1, 20)), 4)
    errors = [
        np.square(seen @ (codes * scale[:, :, None] - weights).transpose(0, 2, 1)).mean()
        for codes in (
            rounding.nearest(weights, scale, 4),
            rounding.compensated(weights, scale, 4, found),
        )
    ]
    assert errors[1] < 0.5 * errors[0]


def test_bias_shift_keeps_the_mean() -> None:
    random = np.random.default_rng(0)
    seen, wanted = random.normal(1, 1, (2, 50, 5)), random.normal(2, 1, (2, 50, 5))
    weights, restored = random.normal(0, 1, (2, 3, 5)), random.normal(0, 1, (2, 3, 5))
    shift = rounding.bias_shift(weights, restored, rounding.moments(seen, wanted))
    given = np.einsum("gnt,got->go", seen, restored) / 50 + shift
    assert np.allclose(given, np.einsum("gnt,got->go", wanted, weights) / 50)


# --- equalisation


def unbalanced(seed: int = 0) -> Graph:
    """A network whose depthwise channels differ in size by up to 50 times, undone by the next layer."""
    graph = small.float_graph(seed)
    sizes = np.geomspace(1.0, 50.0, 8).astype(np.float32)
    tensors = list(graph.tensors)
    for name, factor in (("deep/weights", 1 / sizes), ("deep/bias", 1 / sizes), ("point/weights", sizes)):
        place = index(graph, name)
        data = tensors[place].data
        assert data is not None
        tensors[place] = replace(tensors[place], data=data * factor)
    return small.quantized(graph.replace(tensors=tuple(tensors)))


def test_channels_of_different_size_get_ranges_of_their_own() -> None:
    graph = unbalanced()
    bits = narrow(graph, (DEEP,), ())
    plain = error(graph, made(graph, bits, Options(equalise=False)))
    assert error(graph, made(graph, bits)) < 0.6 * plain


def test_equalisation_leaves_maps_alone_that_others_read() -> None:
    graph = small.int8_graph()
    assert equalise.applies(graph, index(graph, DEEP))
    assert not equalise.applies(graph, index(graph, STEM))
    assert not equalise.applies(graph, graph.outputs[0])


# --- refusals


def test_what_cannot_be_narrower_is_refused() -> None:
    graph = small.int8_graph()
    for bits in (Bits({graph.inputs[0]: 4}), Bits({graph.outputs[0]: 4}), Bits({}, {layer(graph, "add"): 4})):
        with pytest.raises(UsageError):
            made(graph, bits)
    for options in (Options(ranges="best"), Options(rounding="up")):
        with pytest.raises(UsageError) as caught:
            made(graph, Bits(), options)
        assert "known" in str(caught.value.hint)


# --- classes of patches


def classed(graph: Graph, outlier: tuple[bool, ...]) -> tuple[Graph, Tiling]:
    tiling = tiling_of(graph, layer(graph, "add"), (2, 2), "reader")
    samples = small.int8_samples(graph, 12)
    membership = Membership.static(outlier)
    found = classes.histograms(graph, samples, tiling, membership)
    wanted = Wanted((8, 4), (8, 4))
    space = precision.space(graph, found, wanted, tiling, membership, lambda *_: True)
    choice = search(space, Search(balance=0.2))
    return classes.apply(graph, samples, Widths.of(space, choice.bits), tiling, membership), tiling


@pytest.mark.parametrize("outlier", [OUTLIER, (True,) * 4, (False,) * 4])
def test_classes_compute_what_their_branches_compute(outlier: tuple[bool, ...]) -> None:
    graph = small.int8_graph()
    result, tiling = classed(graph, outlier)
    assert (result.classes is not None) == (any(outlier) and not all(outlier))
    (images,) = small.int8_samples(graph, 3, seed=4)
    expected = batching.outputs(result, (images,))[0]
    split, last = tiling.head.tensor, tiling.head.split_after
    for image, scores in zip(images, expected, strict=True):
        whole = np.zeros(graph.tensor(split).shape, np.int8)
        for place, (row, column) in enumerate(tiling.branches):
            own = result.classes.outlier if outlier[place] and result.classes else result.replace()
            cut = tiling_of(own, last, (2, 2), "reader")
            piece = image[box(cut, own.inputs[0], row, column)]
            whole[box(cut, split, row, column)] = simulate.run(expand(cut).graphs[place], [piece])[0]
        behind = result.replace(inputs=(split,), nodes=result.nodes[last + 1 :])
        assert np.array_equal(simulate.run(behind, [whole])[0], scores)
        assert np.array_equal(simulate.run(result, [image])[0], scores)


def test_a_device_that_decides_takes_either_form_for_each_patch_of_each_sample() -> None:
    graph = small.int8_graph()
    samples = small.int8_samples(graph, 12)
    tiling = tiling_of(graph, layer(graph, "add"), (2, 2), "reader")
    rule = OutlierRule(-100, 100, (2, 2, 2, 2))
    membership = Membership(stitching.outlying(rule, tiling, samples[0]), dynamic=True)
    assert membership.single is None
    assert membership.places(False) == membership.places(True) == [0, 1, 2, 3]
    found = classes.histograms(graph, samples, tiling, membership)
    space = precision.space(graph, found, Wanted((8, 4)), tiling, membership, lambda *_: True)
    choice = search(space, Search(balance=0.2))
    result = classes.apply(graph, samples, Widths.of(space, choice.bits), tiling, membership, rule)
    assert result.classes is not None
    assert result.classes.shares == tuple(membership.shares(True))
    (images,) = small.int8_samples(graph, 5, seed=6)
    forms = [batching.outputs(form, (images,))[0] for form in stitching.forms(result)[:2]]
    whole = stitching.split_map(result, (images,), batching.outputs)
    for number, image in enumerate(images):
        for row, column in tiling.branches:
            rows, columns = tiling.rows[row][0], tiling.columns[column][0]
            codes = image[:, rows.low : rows.high, columns.low : columns.high]
            outside = int(((codes < -100) | (codes > 100)).sum())
            part = filled(tiling, row, column)
            assert np.array_equal(whole[number][part], forms[outside > 2][number][part])


def test_classes_share_weights_and_split_map() -> None:
    graph = small.int8_graph()
    result, tiling = classed(graph, OUTLIER)
    assert result.classes is not None
    other = result.classes.outlier
    assert other.tensor(index(graph, DEEP)).dtype == INT8
    assert result.tensor(index(graph, DEEP)).dtype == INT4
    split = tiling.head.tensor
    assert other.tensor(split).quant == result.tensor(split).quant
    for ours, theirs in zip(result.nodes, other.nodes, strict=False):
        if layout.weights_of(graph, ours) or ours.op in layout.LAYERS:
            a, b = (g.required(n, 1) for g, n in ((result, ours), (other, theirs)))
            assert a.dtype == b.dtype
            assert a.data is not None
            assert b.data is not None
            assert np.array_equal(a.data, b.data)


def with_four_bits(graph: Graph, outlier: tuple[bool, ...]) -> Graph:
    """Feature maps at 4 bits except in patches with outliers."""
    tiling = tiling_of(graph, layer(graph, "add"), (2, 2), "reader")
    samples, membership = small.int8_samples(graph, 12), Membership.static(outlier)
    found = classes.histograms(graph, samples, tiling, membership)
    space = precision.space(graph, found, Wanted((8, 4)), tiling, membership, lambda *_: True)
    bits = [4 if 4 in item.widths and item.scope == precision.NORMAL else 8 for item in space.items]
    return classes.apply(graph, samples, Widths.of(space, bits), tiling, membership)


def test_outlier_patches_come_closer_to_8_bits() -> None:
    """The same bits elsewhere, summed over networks."""
    totals = [0.0, 0.0]
    for seed in range(4):
        graph = small.int8_graph(seed)
        tiling = tiling_of(graph, layer(graph, "add"), (2, 2), "reader")
        outlier = vdpc.classify(vdpc.observe(tiling, small.int8_samples(graph, 12), 0.0)).outlier
        assert outlier == (True, False, False, False)
        for place, which in enumerate((outlier, (False,) * 4)):
            totals[place] += error(graph, with_four_bits(graph, which))
    assert totals[0] < totals[1]


# --- accuracy


def test_drop_is_zero_without_changes_and_grows_with_fewer_bits() -> None:
    graph = small.int8_graph()
    lost = Drop(graph, small.int8_samples(graph, 40, seed=5))
    assert lost(graph) == 0.0
    everything = ((STEM, DEEP, LAST), (STEM, DEEP, POINT, LAST))
    four, two = (lost(made(graph, narrow(graph, *everything, bits))) for bits in (4, 2))
    assert 0.0 <= four <= two
    assert two > 0.0


def test_many_labels_count_where_more_is_lost_than_expected() -> None:
    """Labels that say the narrow graph is always wrong; few of them change nothing."""
    graph = small.int8_graph()
    samples = small.int8_samples(graph, 120, seed=5)
    labels = batching.outputs(graph, samples)[0].reshape(120, -1).argmax(axis=1)
    other = made(graph, narrow(graph, (STEM, DEEP, LAST), (STEM, DEEP, POINT, LAST), 2))
    right = batching.outputs(other, samples)[0].reshape(120, -1).argmax(axis=1) == labels
    assert Drop(graph, samples, labels)(other) >= 1.0 - right.mean()
    few = [x[:40] for x in samples]
    assert Drop(graph, few, labels[:40])(other) == Drop(graph, few)(other)


def test_the_estimate_of_the_drop_follows_what_really_happens() -> None:
    """Classes that score 3 apart on average, with noise of a known size: more samples bring it closer, from above."""
    random = np.random.default_rng(3)

    def scores(count: int) -> np.ndarray:
        return random.normal(0, 2, (count, 10))

    many = scores(20_000)
    for size in (0.05, 0.2, 0.6):
        chances = drop._softmax(many)
        noisy = many + random.normal(0, size, many.shape)
        rows = np.arange(len(many))
        lost = (chances.max(axis=1) - chances[rows, noisy.argmax(axis=1)]).mean()
        estimates = []
        for count in (40, 400):
            seen = scores(count)
            wanted = seen[: count // 4]
            found = drop.Scores(seen).lost(wanted, wanted + random.normal(0, size, wanted.shape))
            estimates.append(found)
            assert found >= lost
        assert estimates[1] < 4 * lost + 0.002


def test_harm_grows_with_fewer_bits() -> None:
    graph = small.int8_graph()
    samples = small.int8_samples(graph, 12)
    space = precision.space(
        graph, classes.histograms(graph, samples), Wanted(weights=(8, 4, 2)), supports=lambda *_: True
    )
    harm = Harm(graph, samples, space)
    for place, item in enumerate(space.items):
        assert harm(place, 8) == 0.0
        if 2 in item.widths:
            assert 0.0 < harm(place, 4) < harm(place, 2)


def test_large_networks_have_one_start_of_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = small.int8_graph()
    (images,) = small.int8_samples(graph, 16)
    kept, held = precisionplan.divided(Dataset((images,)))
    mixing = Mixing((8, 4), (8, 4), max_drop=0.5, balance=0.9)

    def chosen() -> precisionplan.Precision:
        return precisionplan.choose(graph, kept, held, mixing, Silent())

    several = chosen()
    monkeypatch.setattr(precisionplan, "MOST_WORK", 0.0)
    one = chosen()
    assert not any("starting from" in note for note in one.notes)
    assert any("starting from" in note for note in several.notes)
    assert several.bitops < one.bitops
