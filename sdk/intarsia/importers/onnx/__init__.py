# SPDX-License-Identifier: Apache-2.0
"""`.onnx` to Graph: float models and quantized ones, with QuantizeLinear/DequantizeLinear (QDQ) or operators on
codes.

Feature maps of ONNX are channels first, those of a Graph channels last. `model` reads the file, `translate` goes
through its operators with the rules that it finds in `rules`, keeping for every feature map how its axes lie in memory
(`values`), so that a TRANSPOSE is only left where the network really moves elements. `gelu` and `patterns` join what
exporters took apart, `affine` folds scales and biases per channel into the layer before, `integers` turns layers
between DequantizeLinear and QuantizeLinear into integer layers.

What a user sees: inputs and outputs that convolutions, poolings and the like read or write are channels last; inputs
that are only quantized, and outputs that are only dequantized, become int8; a symbolic batch is 1.
"""

from __future__ import annotations

from pathlib import Path

from intarsia.errors import ModelError
from intarsia.importers.base import Importer
from intarsia.ir import Graph


class OnnxImporter(Importer):
    name = "ONNX"
    suffix = ".onnx"
    package = "onnx"
    install = "pip install 'intarsia[onnx]'"

    def recognises(self, data: bytes) -> bool:
        """The first field is the version of the format, a small number; the next one is another of a ModelProto."""
        return len(data) > 3 and data[0] == 0x08 and 0 < data[1] < 0x40 and data[2] in _SECOND_FIELDS

    def parse(
        self, data: bytes, *, name: str, rule: str, partial: bool = False, folder: Path | None = None
    ) -> Graph:
        from intarsia.importers.onnx import affine, gelu, integers, model, patterns, translate
        from intarsia.passes import dead

        source = gelu.joined(model.read(data, folder))
        graph = translate.translate(source, name=name, rule=rule, partial=partial)
        try:
            return integers.run(affine.run(patterns.run(dead.run(graph))))
        except (ValueError, LookupError, TypeError, OverflowError) as error:
            raise ModelError(f"malformed model: {error}", hint=model.AGAIN) from None


_SECOND_FIELDS = frozenset(field << 3 | 2 for field in (2, 3, 4, 6, 7, 8, 14, 25)) | {5 << 3}

IMPORTER = OnnxImporter()
