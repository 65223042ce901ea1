# SPDX-License-Identifier: Apache-2.0
"""Cross-layer equalisation of a narrow feature map: every channel gets a range of its own, at no cost.

The layer that writes a map multiplies each channel by a factor of its own anyway, and the layers that read it can take
the inverse into their weights (Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction,
2019). Here the factor of a channel is the ratio of the scale that suits it best to the scale of the tensor. A fused
RELU6 stays right: the codes end no later than it does.
"""

from __future__ import annotations

import numpy as np

from intarsia.dtypes import BY_BITS
from intarsia.ir import Graph, Quantization
from intarsia.plan.entropy import CODES, SHRINK, Histogram
from intarsia.quantize.layout import LAYERS

LEAST_FACTOR = 1.0 / 32.0
"""Channels that are almost silent are not magnified further."""
_ACTIVATION_LIMITS = {"RELU6": 6.0, "RELU": np.inf, "NONE": np.inf}


def applies(graph: Graph, index: int) -> bool:
    """Whether a feature map can have factors: written and read by layers with weights only."""
    if index in graph.outputs or len(graph.tensor(index).shape) < 2:
        return False
    writers = [node for node in graph.nodes if index in node.outputs]
    readers = [graph.nodes[position] for position in graph.readers(index)]
    known = all(node.op in LAYERS for node in (*writers, *readers)) and len(writers) == 1 and bool(readers)
    return known and getattr(writers[0].attrs, "activation", "") in _ACTIVATION_LIMITS


def channel_counts(codes: np.ndarray) -> np.ndarray:
    """int64 [C, 256]: how often each int8 code occurs in each channel of [..., C]."""
    channels = codes.shape[-1]
    offset = (codes.reshape(-1, channels).view(np.uint8) ^ 0x80).astype(np.int64)
    flat = offset + CODES * np.arange(channels)
    counts: np.ndarray = np.bincount(flat.reshape(-1), minlength=CODES * channels).reshape(channels, CODES)
    return counts


def factors(
    counts: np.ndarray, stated: Quantization, whole: Quantization, bits: int, activation: str
) -> tuple[np.ndarray, Quantization]:
    """Factor of each channel [C] and quantization of the map: channel c of the map holds real value / factor[c].

    `counts` [C, 256] of the codes of `stated`; `whole` is the best quantization for all channels together, whose zero
    point stays. What was measured does not reach the limit of a fused activation when it is divided by its factor.
    """
    values = Histogram(counts, stated).values
    first, last = BY_BITS[bits].range
    zero = whole.zero_point[0]
    seen = counts > 0
    low = np.where(seen, values, 0.0).min(axis=1)
    high = np.where(seen, values, 0.0).max(axis=1)
    with np.errstate(divide="ignore"):
        sides = [np.abs(low) / max(zero - first, 1e-9), np.abs(high) / max(last - zero, 1e-9)]
    full = np.maximum(np.minimum(*sides) if zero in (first, last) else np.maximum(*sides), 0.0)
    full = np.where(full > 0.0, full, whole.scale[0])
    best, chosen = np.full(len(full), np.inf), full
    for shrink in SHRINK:
        scale = full * shrink
        codes = np.clip(np.round(values / scale[:, None]), first - zero, last - zero)
        errors = (counts * np.square(codes * scale[:, None] - values)).sum(axis=1)
        better = errors < best
        best, chosen = np.where(better, errors, best), np.where(better, scale, chosen)
    chosen = np.maximum(chosen, LEAST_FACTOR * chosen.max())
    limit = _ACTIVATION_LIMITS[activation]
    tensor = min(whole.scale[0], limit / max(last - zero, 1), limit / float((high / chosen).max() or 1.0))
    scale = float(np.float32(tensor))
    return chosen / scale, Quantization((scale,), (zero,))


def widest(counts: np.ndarray, stated: Quantization, factor: np.ndarray) -> tuple[float, float]:
    """Smallest and largest value of a map whose channels are divided by factors [C]; arguments as in `factors`."""
    values = Histogram(counts, stated).values / factor[:, None]
    seen = np.where(counts > 0, values, 0.0)
    return float(seen.min()), float(seen.max())
