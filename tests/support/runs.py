# SPDX-License-Identifier: Apache-2.0
"""A run document with every part there is: patches of two classes, several widths, mistakes, many classes."""

from __future__ import annotations

from typing import Any

import numpy as np

SIDE, SPLIT, GRID = 32, 16, 2
NAMES = ("first", "a_layer_with_a_rather_long_name_such_as_networks_have/Relu6;and/another", "third", "last")


def full_run(unit: str = "instructions") -> dict[str, Any]:
    """The document; `unit` none is that of a board without a counter."""
    counted = unit != "none"
    return {
        "schema": "intarsia.run",
        "schema_version": 1,
        "model": "a_model",
        "board": "qemu-cortex-m4",
        "latency": {
            "unit": unit,
            "total": 1_234_567 if counted else None,
            "layers": [_layer(i, counted) for i in range(4)],
            "milliseconds": None,
        },
        "memory": {
            "arena_bytes": 4096,
            "stack_bytes": 512,
            "ram_bytes": 5000,
            "flash_bytes": 20000,
            "weights_bytes": 12000,
            "code_bytes": 8000,
            "image_bytes": 0,
            "arena_lower_bound": 4000,
            "flash_sections": [{"name": ".text", "bytes": 8000}, {"name": ".itr_weights", "bytes": 12000}],
        },
        "accuracy": {"metric": "top1", "value": 0.75, "samples": 100},
        "reference": {
            "rule": "tflm",
            "oracle": "tflite-runtime 2.14.0",
            "compared": 1000,
            "mismatched_outputs": 3,
            "max_abs_diff": 2.0,
            "accuracy": 0.76,
            "maps": {"sample": 0, "layers": [_map(i) for i in range(4)]},
            "outputs": [{"name": "scores", "compared": 1000, "mismatched": 3, "max_abs_diff": 2.0}],
        },
        "plan": _plan(),
        "device": {"samples": 100, "stack_bytes": 400, "damaged_frames": {"checksum": 2}},
        "gates": [{"name": "bit-exact", "limit": 0, "value": 3, "passed": False}],
        "inputs": [{"name": "image", "shape": [1, SIDE, SIDE, 3], "dtype": "int8"}],
        "arena": {
            "bytes": 4096,
            "lower_bound": 4000,
            "method": "greedy",
            "buffers": [
                {"name": "image", "kind": "input", "offset": 0, "size": 3072, "first": 0, "last": 1},
                {"name": NAMES[1], "kind": "map", "offset": 3072, "size": 1024, "first": 1, "last": 2},
                {
                    "name": "scratch of layer 1",
                    "kind": "scratch",
                    "offset": 0,
                    "size": 64,
                    "first": 2,
                    "last": 2,
                },
                {"name": "third", "kind": "map", "offset": 64, "size": 512, "first": 2, "last": 4},
                {"name": "last", "kind": "output", "offset": 0, "size": 10, "first": 4, "last": 5},
            ],
        },
        "classification": {
            "classes": list(range(12)),
            "others": True,
            "counts": [[7 if i == j else (i + j) % 3 for j in range(13)] for i in range(13)],
            "worst": [
                {"index": i, "label": 1, "predicted": 2 if i < 2 else 1, "margin": -0.5 + i / 4}
                for i in range(4)
            ],
        },
        "environment": {
            "intarsia": "0.1.0",
            "python": "3.11.7",
            "numpy": "2.0.0",
            "system": "Linux 6.1 x86_64",
            "compiler": "GCC 12.2.1",
            "runner": "QEMU emulator version 7.2",
            "command": "intarsia profile a_model.tflite --board qemu-cortex-m4 --data "
            + "long/" * 30
            + "test.npz",
            "made": "2026-01-02 03:04 UTC",
        },
    }


def pictures() -> dict[int, np.ndarray]:
    """Noise as pictures of the first samples."""
    random = np.random.default_rng(0)
    return {i: random.integers(0, 255, (SIDE, SIDE, 3), np.uint8, True) for i in range(3)}


def _layer(index: int, counted: bool) -> dict[str, Any]:
    return {
        "index": index,
        "op": "SOFTMAX" if index == 3 else "DEPTHWISE_CONV_2D",
        "name": NAMES[index],
        "count": 100_000 * (index + 1) if counted else None,
        "macs": 0 if index == 3 else 90_000,
        "kernels": ["depthwise_conv_2d_s8_s8__dsp"],
        "bound": None if index == 3 else 2.0,
        "input_bits": 8,
        "bits": 8 if index else 4,
        "weight_bits": [] if index == 3 else [4, 8],
        "flash_bytes": 1000,
    }


def _map(index: int) -> dict[str, Any]:
    """Layer 2 is at fault, layer 3 reads it."""
    wrong = index >= 2
    return {
        "index": index,
        "op": "DEPTHWISE_CONV_2D",
        "name": NAMES[index],
        "output": 0,
        "whole": index > 0,
        "patch": None,
        "compared": 1024,
        "mismatched": 17 * wrong,
        "max_abs_diff": 5.0 * wrong,
        "first": [0, 3, 1, index] if wrong else None,
        "device": 7.0 if wrong else None,
        "reference": 2.0 if wrong else None,
        "own": None if index == 1 else 17 if index == 2 else 0,
    }


def _plan() -> dict[str, Any]:
    half, reach = SPLIT // GRID, SIDE // GRID
    places = [(row, column) for row in range(GRID) for column in range(GRID)]
    return {
        "schema": "intarsia.plan",
        "schema_version": 1,
        "model": "a_model",
        "split_after": 1,
        "split_tensor": NAMES[1],
        "grid": [GRID, GRID],
        "input": "arena",
        "macs": 110,
        "macs_layer": 100,
        "bitops": 4000,
        "bitops_8bit_patch": 7040,
        "bitops_layer": 6400,
        "memory": {"arena": 4096, "stage_1": 4096, "stage_2": 1600, "layer_based": 9000, "image": 0},
        "branches": [
            {
                "row": row,
                "column": column,
                "input": [[max(i * reach - 1, 0), min((i + 1) * reach + 1, SIDE)] for i in (row, column)],
                "output": [[i * half, (i + 1) * half] for i in (row, column)],
                "macs": 27,
                "bitops": 1000,
                "class": "outlier" if row == column == 1 else "normal",
            }
            for row, column in places
        ],
        "outlier_patches": 1,
        "outliers": {"form": "static", "shares": [0.0, 0.125, 0.25, 0.75], "rule": None, "z": None},
        "decisions": {"method": "vdqs", "lambda": 0.4, "max_drop": 0.01, "drop": 0.005},
        "maps": [
            {"index": 0, "name": NAMES[0], "scope": "normal", "bits": 4, "weights_bits": 4},
            {"index": 0, "name": NAMES[0], "scope": "outlier", "bits": 8, "weights_bits": 4},
            {"index": 1, "name": NAMES[1], "scope": "normal", "bits": 2, "weights_bits": None},
            {"index": 1, "name": NAMES[1], "scope": "outlier", "bits": 8, "weights_bits": None},
            {"index": 2, "name": NAMES[2], "scope": "rest", "bits": 8, "weights_bits": 8},
        ],
    }
