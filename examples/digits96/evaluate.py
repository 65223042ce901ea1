# SPDX-License-Identifier: Apache-2.0
"""Print the accuracy of the stored digits96 models on test.npz, their sizes, and the table of layers.

Runs the reference kernels of LiteRT; needs neither PyTorch nor scikit-learn.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from network import build, layer_table, peak_bytes

FOLDER = Path(__file__).resolve().parent
FILES = ("digits96_float.tflite", "digits96_int8.tflite", "calib.npz", "test.npz")


def predict(model: Path, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Return the class [N] that the model in the file gives to each of `pixels` [N,96,96,1]."""
    interpreter = Interpreter(
        model_content=model.read_bytes(),
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        num_threads=1,
    )
    interpreter.allocate_tensors()
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]["index"]
    classes = np.empty(len(pixels), dtype=np.int64)
    for index, frame in enumerate(pixels):
        interpreter.set_tensor(source["index"], _as_input(frame[None], source["dtype"]))
        interpreter.invoke()
        classes[index] = interpreter.get_tensor(result).argmax()
    return classes


def _as_input(pixels: npt.NDArray[np.uint8], dtype: type[np.generic]) -> npt.NDArray[np.generic]:
    """Pixels as the model wants them: x / 255 in float, which is x - 128 in int8 at its scale of 1/255."""
    if dtype is np.int8:
        return (pixels.astype(np.int16) - 128).astype(np.int8)
    return pixels.astype(np.float32) / 255


def report(folder: Path) -> str:
    """Return the text that this script prints about the files in `folder`."""
    test = np.load(folder / "test.npz")
    lines = []
    for kind in ("float", "int8"):
        right = int((predict(folder / f"digits96_{kind}.tflite", test["x"]) == test["y"]).sum())
        lines.append(f"{kind}: {right} of {len(test['y'])} right, top-1 {right / len(test['y']):.4f}")
    lines += [f"{name}: {(folder / name).stat().st_size:,} bytes" for name in FILES]
    layers = build()
    peak, where = peak_bytes(layers)
    lines.append(f"multiply-accumulates: {sum(layer.macs for layer in layers):,}")
    lines.append(f"peak of feature maps, layer by layer at 8 bits: {peak:,} bytes at {where}")
    return "\n".join([*lines, "", layer_table(layers)])


if __name__ == "__main__":
    print(report(FOLDER))
