# SPDX-License-Identifier: Apache-2.0
"""LOGISTIC and TANH of int16 codes by one table: TFLite's reference kernels for 16 bits.

The table is that of TFLite (`sigmoid_table_uint16`), about 65536 / (1 + exp(-i / 24)); it is not rounded in any one
way, so it is kept as it is. Codes are brought to 3 * 4096 steps per unit, and looked up by magnitude.
"""

from __future__ import annotations

import math

import numpy as np

from intarsia.fixedpoint import Int64Array

TABLE = np.array(
    [
        32768,
        33451,
        34133,
        34813,
        35493,
        36169,
        36843,
        37513,
        38180,
        38841,
        39498,
        40149,
        40794,
        41432,
        42064,
        42688,
        43304,
        43912,
        44511,
        45102,
        45683,
        46255,
        46817,
        47369,
        47911,
        48443,
        48964,
        49475,
        49975,
        50464,
        50942,
        51409,
        51865,
        52311,
        52745,
        53169,
        53581,
        53983,
        54374,
        54755,
        55125,
        55485,
        55834,
        56174,
        56503,
        56823,
        57133,
        57433,
        57724,
        58007,
        58280,
        58544,
        58800,
        59048,
        59288,
        59519,
        59743,
        59959,
        60168,
        60370,
        60565,
        60753,
        60935,
        61110,
        61279,
        61441,
        61599,
        61750,
        61896,
        62036,
        62172,
        62302,
        62428,
        62549,
        62666,
        62778,
        62886,
        62990,
        63090,
        63186,
        63279,
        63368,
        63454,
        63536,
        63615,
        63691,
        63765,
        63835,
        63903,
        63968,
        64030,
        64090,
        64148,
        64204,
        64257,
        64308,
        64357,
        64405,
        64450,
        64494,
        64536,
        64576,
        64614,
        64652,
        64687,
        64721,
        64754,
        64786,
        64816,
        64845,
        64873,
        64900,
        64926,
        64950,
        64974,
        64997,
        65019,
        65039,
        65060,
        65079,
        65097,
        65115,
        65132,
        65149,
        65164,
        65179,
        65194,
        65208,
        65221,
        65234,
        65246,
        65258,
        65269,
        65280,
        65291,
        65301,
        65310,
        65319,
        65328,
        65337,
        65345,
        65352,
        65360,
        65367,
        65374,
        65381,
        65387,
        65393,
        65399,
        65404,
        65410,
        65415,
        65420,
        65425,
        65429,
        65433,
        65438,
        65442,
        65445,
        65449,
        65453,
        65456,
        65459,
        65462,
        65465,
        65468,
        65471,
        65474,
        65476,
        65479,
        65481,
        65483,
        65485,
        65488,
        65489,
        65491,
        65493,
        65495,
        65497,
        65498,
        65500,
        65501,
        65503,
        65504,
        65505,
        65507,
        65508,
        65509,
        65510,
        65511,
        65512,
        65513,
        65514,
        65515,
        65516,
        65517,
        65517,
        65518,
        65519,
        65520,
        65520,
        65521,
        65522,
        65522,
        65523,
        65523,
        65524,
        65524,
        65525,
        65525,
        65526,
        65526,
        65526,
        65527,
        65527,
        65528,
        65528,
        65528,
        65529,
        65529,
        65529,
        65529,
        65530,
        65530,
        65530,
        65530,
        65531,
        65531,
        65531,
        65531,
        65531,
        65532,
        65532,
        65532,
        65532,
        65532,
        65532,
        65533,
        65533,
        65533,
        65533,
        65533,
        65533,
        65533,
        65533,
        65534,
        65534,
        65534,
        65534,
        65534,
        65534,
        65534,
        65534,
        65534,
        65534,
        65535,
    ],
    np.uint16,
)

WIDE_SCALE = 1 / 32768
"""Scale of the output."""
LARGEST_SCALE = 1.0
"""Largest scale of the input whose codes stay within 32 bits on the way."""
_STEPS = 3 * 4096
_LAST = 255


def input_factor(scale: float) -> tuple[int, int]:
    """(multiplier, right shift) that bring codes of a scale to the table's steps (TFLite Prepare of both operators)."""
    mantissa, exponent = math.frexp(scale)
    if mantissa == 0.5 and exponent - 1 == -12:
        return 3, 0
    if mantissa == 0.5 and exponent - 1 == -11:
        return 6, 0
    multiplier, shift = scale * _STEPS, 0
    while multiplier <= 32767.0 / 2.0 and shift <= 30:
        multiplier, shift = multiplier * 2.0, shift + 1
    return int(multiplier), shift


def steps(x: Int64Array, multiplier: int, shift: int) -> Int64Array:
    """Codes in the table's steps."""
    rounding = (1 << (shift - 1)) if shift else 0
    return (x * multiplier + rounding) >> shift


def _interpolated(magnitude: Int64Array, bits: int) -> tuple[Int64Array, np.ndarray]:
    """Table value with `bits` more bits for magnitudes with that many, and where the table ends."""
    table = TABLE.astype(np.int64)
    place = magnitude >> bits
    beyond = place >= _LAST
    place = np.minimum(place, _LAST - 1)
    low, high = table[place], table[place + 1]
    return (low << bits) + (magnitude & ((1 << bits) - 1)) * (high - low), beyond


def logistic(x: Int64Array, multiplier: int, shift: int) -> Int64Array:
    """1 / (1 + exp(-x)) in Q0.15."""
    value = steps(x, multiplier, shift)
    result, beyond = _interpolated(np.abs(value), 9)
    result = np.where(beyond, 0x7FFF << 10, result)
    return np.where(value >= 0, result + (1 << 9), (1 << 25) - result + (1 << 9) - 1) >> 10


def tanh(x: Int64Array, multiplier: int, shift: int) -> Int64Array:
    """Hyperbolic tangent in Q0.15: 2 * logistic(2 * x) - 1."""
    value = steps(x, multiplier, shift)
    result, beyond = _interpolated(np.abs(value), 8)
    result = np.where(beyond, 0xFFFF << 8, result)
    centre = 1 << 23
    return np.where(value >= 0, result - centre + (1 << 7), -result + centre + (1 << 7) - 1) >> 8
