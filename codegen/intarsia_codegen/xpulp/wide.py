# SPDX-License-Identifier: Apache-2.0
"""Requantization for sums of many bits, whose thresholds ask for a multiplier of 31 bits.

    raw = (sum << scale_bits) + bias
    code = clamp((((raw * multiplier) >> 32) + offset) >> exponent)      MULH, CV.ADDNR, CV.CLIP

where nothing shorter is proved: the high half of a product takes five cycles.
"""

from __future__ import annotations

from intarsia_codegen.blocked.scale import EXPONENTS, LEAST_HEADROOM, MOST_SCALE_BITS
from intarsia_codegen.requantization import Constants, Search


def find(search: Search) -> tuple[int, int, Constants] | None:
    """Scale bits, the exponent and the constants of all channels of the layer; None without a proof for all."""
    layer = search.layer
    largest = max(int(abs(end).max()) for end in (layer.low, layer.high))
    scale_bits = min(31 - LEAST_HEADROOM - max(largest, 1).bit_length(), MOST_SCALE_BITS)
    if scale_bits < 0:
        return None
    for exponent in EXPONENTS:
        found = search.prove(exponent, scale_bits)
        if found.proved.all():
            return scale_bits, exponent, found
    return None
