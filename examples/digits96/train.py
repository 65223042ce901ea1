# SPDX-License-Identifier: Apache-2.0
"""Make everything in this folder that is not text: train the network, quantize it, and draw its data.

Needs `pip install intarsia[train]`; takes some minutes on one core. Running it again on the same machine
gives the same bytes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import export
import frames
import numpy as np
from evaluate import FOLDER, report
from model import fold, train
from network import build

CALIB_FRAMES, CALIB_SEED = 48, 1
TEST_FRAMES, TEST_SEED = 150, 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder for the files (default: this one)")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    layers, sources = build(), frames.load_sources()
    calib, _ = frames.make_frames(sources["calib"], CALIB_FRAMES, CALIB_SEED)
    test, labels = frames.make_frames(sources["test"], TEST_FRAMES, TEST_SEED)
    np.savez_compressed(out / "calib.npz", x=calib)
    np.savez_compressed(out / "test.npz", x=test, y=labels)
    parameters = fold(train(layers, sources["train"]))
    float_model = export.write_float(layers, parameters)
    activations = export.calibrate(layers, float_model, calib)
    (out / "digits96_float.tflite").write_bytes(float_model)
    (out / "digits96_int8.tflite").write_bytes(export.write_int8(layers, parameters, activations))
    print(report(out))


if __name__ == "__main__":
    main()
