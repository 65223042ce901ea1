# SPDX-License-Identifier: Apache-2.0
"""Runs a TFLite interpreter's reference kernels (BUILTIN_REF): a program of its own, so that any environment can do it.

Called as `python interpret.py PACKAGE FOLDER KERNELS`: PACKAGE is tflite_runtime or ai_edge_litert, KERNELS a name of
its OpResolverType. FOLDER holds models
`m<i>.tflite` and their samples `in<i>.npz` with arrays `s<sample>_<input>`; it gets `out<i>.npz` with arrays
`s<sample>_<output>`, or `error<i>.txt` where the interpreter refuses a model. Needs numpy and PACKAGE, nothing of
Intarsia.
"""

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np


def invoke(
    module: Any, model: bytes, samples: list[list[np.ndarray]], kernels: str
) -> list[list[np.ndarray]]:
    """Outputs of these kernels for each sample; inputs and outputs in the model's order."""
    interpreter = module.Interpreter(
        model_content=model,
        experimental_op_resolver_type=getattr(module.OpResolverType, kernels),
        num_threads=1,
    )
    interpreter.allocate_tensors()
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    results = []
    for sample in samples:
        for detail, value in zip(inputs, sample, strict=True):
            interpreter.set_tensor(detail["index"], value.reshape(detail["shape"]))
        interpreter.invoke()
        results.append([interpreter.get_tensor(detail["index"]) for detail in outputs])
    return results


def load_samples(path: Path) -> list[list[np.ndarray]]:
    """The samples of one `in<i>.npz`."""
    samples: list[list[np.ndarray]] = []
    with np.load(path) as data:
        while f"s{len(samples)}_0" in data:
            prefix = f"s{len(samples)}_"
            sample: list[np.ndarray] = []
            while f"{prefix}{len(sample)}" in data:
                sample.append(data[f"{prefix}{len(sample)}"])
            samples.append(sample)
    return samples


def main(package: str, folder: str, kernels: str) -> None:
    module = importlib.import_module(f"{package}.interpreter")
    for model in sorted(Path(folder).glob("m*.tflite")):
        number = model.stem[1:]
        try:
            results = invoke(
                module, model.read_bytes(), load_samples(model.with_name(f"in{number}.npz")), kernels
            )
        except (RuntimeError, ValueError) as error:
            model.with_name(f"error{number}.txt").write_text(str(error))
            continue
        arrays = {f"s{i}_{j}": y for i, ys in enumerate(results) for j, y in enumerate(ys)}
        np.savez(model.with_name(f"out{number}.npz"), **arrays)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(*sys.argv[1:4])
