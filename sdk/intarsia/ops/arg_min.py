# SPDX-License-Identifier: Apache-2.0
"""ARG_MIN: the place of the smallest value along an axis; int8 or float32, giving int32 or int64."""

from __future__ import annotations

from intarsia.ops._arg_extreme import ArgExtreme


class ArgMin(ArgExtreme):
    name = "ARG_MIN"
    unsigned = ""
    batchwise = True
    sign = -1
    options_name = "ArgMinOptionsT"


OPERATOR = ArgMin()
