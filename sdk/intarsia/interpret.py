# SPDX-License-Identifier: Apache-2.0
"""Runs a TFLite interpreter's reference kernels (BUILTIN_REF): a program of its own, so that any environment can do it.

Called as `python interpret.py PACKAGE MODEL IN.npz OUT.npz`: PACKAGE is tflite_runtime or ai_edge_litert, `IN.npz`
holds `s<sample>_<input>` arrays, `OUT.npz` gets `s<sample>_<output>`. Needs numpy and PACKAGE; nothing of Intarsia.
"""

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np


def invoke(module: Any, model: bytes, samples: list[list[np.ndarray]]) -> list[list[np.ndarray]]:
    """Outputs of the reference kernels for each sample; inputs and outputs in the model's order."""
    interpreter = module.Interpreter(
        model_content=model,
        experimental_op_resolver_type=module.OpResolverType.BUILTIN_REF,
        num_threads=1,
    )
    interpreter.allocate_tensors()
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    results = []
    for sample in samples:
        for detail, value in zip(inputs, sample):
            interpreter.set_tensor(detail["index"], value.reshape(detail["shape"]))
        interpreter.invoke()
        results.append([interpreter.get_tensor(detail["index"]) for detail in outputs])
    return results


def main(package: str, model: str, source: str, target: str) -> None:
    data = np.load(source)
    samples: list[list[np.ndarray]] = []
    while f"s{len(samples)}_0" in data:
        prefix, sample = f"s{len(samples)}_", []
        while f"{prefix}{len(sample)}" in data:
            sample.append(data[f"{prefix}{len(sample)}"])
        samples.append(sample)
    results = invoke(importlib.import_module(f"{package}.interpreter"), Path(model).read_bytes(), samples)
    np.savez(target, **{f"s{i}_{j}": y for i, ys in enumerate(results) for j, y in enumerate(ys)})


if __name__ == "__main__":
    main(*sys.argv[1:5])
