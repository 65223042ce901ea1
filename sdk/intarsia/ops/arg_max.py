# SPDX-License-Identifier: Apache-2.0
"""ARG_MAX: the place of the largest value along an axis; int8 or float32, giving int32 or int64."""

from __future__ import annotations

from intarsia.ops._arg_extreme import ArgExtreme


class ArgMax(ArgExtreme):
    name = "ARG_MAX"
    unsigned = ""
    batchwise = True
    sign = 1
    options_name = "ArgMaxOptionsT"


OPERATOR = ArgMax()
