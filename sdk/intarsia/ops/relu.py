# SPDX-License-Identifier: Apache-2.0
"""RELU: int8 with its own output scale, and float32."""

from __future__ import annotations

from intarsia.ops._relu import Relu


class ReluPlain(Relu):
    name = "RELU"


OPERATOR = ReluPlain()
