# SPDX-License-Identifier: Apache-2.0
"""RELU6: int8 with its own output scale, and float32."""

from __future__ import annotations

from intarsia.ops._relu import Relu


class Relu6(Relu):
    name = "RELU6"


OPERATOR = Relu6()
