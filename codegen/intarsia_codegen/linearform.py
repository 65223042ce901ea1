# SPDX-License-Identifier: Apache-2.0
"""int8 ADD as a linear form of the codes, where it is proved equal to the reference's three multiplications."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from intarsia.fixedpoint import INT32_MAX, Int64Array, multiply_by_quantized_multiplier
from intarsia.kernelcall import KernelCall
from intarsia_codegen import layertext
from intarsia_codegen.generated import GeneratedKernel, SourceFile

LEFT_SHIFT = 20
ATTEMPTS = 200
"""Factors tried, the exact ones first, then others at random (seeded) in a neighbourhood that grows."""
PER_RADIUS = 10


@dataclass(frozen=True)
class LinearForm:
    """clamp((a * a_factor + b * b_factor + constant) >> right) for codes a and b."""

    a_factor: int
    b_factor: int
    constant: int
    right: int

    @staticmethod
    def find(call: KernelCall) -> LinearForm | None:
        """A form that equals the reference on all 65,536 pairs of codes, or None when none is found."""
        codes = np.arange(-128, 128, dtype=np.int64)
        expected = reference(call, codes[:, None], codes[None, :])
        a_scale, b_scale = (_factor(call, side) for side in ("a", "b"))
        right = _headroom(call, a_scale, b_scale)
        random = np.random.default_rng(0)
        for attempt in range(ATTEMPTS):
            radius = 0 if attempt == 0 else 3 + attempt // PER_RADIUS
            a, b = (
                round(scale * (1 << right)) + int(random.integers(-radius, radius + 1))
                for scale in (a_scale, b_scale)
            )
            limits = (call.integer("minimum"), call.integer("maximum"))
            constant = _constant(a * codes[:, None] + b * codes[None, :], expected, right, limits)
            if constant is not None and 128 * (abs(a) + abs(b)) + abs(constant) <= INT32_MAX:
                return LinearForm(a, b, constant, right)
        return None


def reference(call: KernelCall, a: Int64Array, b: Int64Array) -> Int64Array:
    """The operator's definition (ops/_scaled_sum.py), from the call's parameters."""

    def scaled(x: Int64Array, prefix: str) -> Int64Array:
        multiplier, shift = call.integer(f"{prefix}_multiplier"), call.integer(f"{prefix}_shift")
        return multiply_by_quantized_multiplier(x, multiplier, shift)

    left = scaled((a - call.integer("a_zero")) << LEFT_SHIFT, "a")
    right = scaled((b - call.integer("b_zero")) << LEFT_SHIFT, "b")
    codes = scaled(left + right, "out") + call.integer("out_zero")
    return np.clip(codes, call.integer("minimum"), call.integer("maximum"))


def _factor(call: KernelCall, side: str) -> float:
    """Output codes per code of one operand."""

    def real(prefix: str) -> float:
        return call.integer(f"{prefix}_multiplier") * 2.0 ** (call.integer(f"{prefix}_shift") - 31)

    return real(side) * real("out") * (1 << LEFT_SHIFT)


def _headroom(call: KernelCall, a_scale: float, b_scale: float) -> int:
    """The largest right shift that leaves every sum within int32."""
    reach = 128 * (a_scale + b_scale) + 128 + 1
    reach += abs(call.integer("a_zero")) * a_scale + abs(call.integer("b_zero")) * b_scale
    right = 30
    while right > 0 and reach * (1 << right) >= INT32_MAX:
        right -= 1
    return right


def _constant(sums: Int64Array, expected: Int64Array, right: int, limits: tuple[int, int]) -> int | None:
    """A constant with clamp((sums + constant) >> right) == expected everywhere, or None.

    For each code above the lowest, the smallest sum that must reach it and the largest that must not bound
    it.
    """
    least, most = None, None
    order = np.argsort(sums, axis=None, kind="stable")
    ordered_sums, ordered_codes = sums.reshape(-1)[order], expected.reshape(-1)[order]
    if (np.diff(ordered_codes) < 0).any():
        return None
    codes = np.arange(limits[0] + 1, limits[1] + 1)
    first = np.searchsorted(ordered_codes, codes, side="left")
    reached, missed = first < ordered_sums.size, first > 0
    if reached.any():
        least = int(((codes[reached] << right) - ordered_sums[first[reached]]).max())
    if missed.any():
        most = int(((codes[missed] << right) - 1 - ordered_sums[first[missed] - 1]).min())
    if least is None or most is None:
        return most if least is None else least
    return (least + most) // 2 if least <= most else None


def kernel(
    call: KernelCall,
    name: str,
    word: str,
    sources: tuple[SourceFile, ...],
    cost: float,
    *,
    function: str | None = None,
) -> GeneratedKernel | None:
    """A kernel that calls `itr_<word>_add` of `sources`, or `function`, which takes `cost` instructions for an element.

    None for a constant operand, and where no linear form is proved equal.
    """
    if call.constants or any(call.integer(f"{p}_shift") > 0 for p in ("a", "b", "out")):
        return None
    linear = LinearForm.find(call)
    if linear is None:
        return None
    size = "p->size" if call.variants else call.integer("size")
    fields: dict[str, int | str] = {"size": size, **vars(linear)}
    fields |= {limit: call.integer(limit) for limit in ("minimum", "maximum")}
    signature = layertext.signature(call, name, "const int8_t *a, const int8_t *b, int8_t *out")
    kind = f"itr_{word}_add_params"
    statement = f"  {function or f'itr_{word}_add'}(a, b, out, {{}});\n"
    definitions, body = layertext.with_layer(call, name, kind, fields, statement)
    source = layertext.layer(
        name,
        title="ADD.",
        includes=[f"itr_{word}_add.h", *([f"intarsia/{call.op}.h"] if call.variants else [])],
        declarations=[],
        definitions=definitions,
        body=body,
        signature=signature,
    )
    sizes = [int(str(p["size"])) for p in call.variants or (call.params,)]
    return GeneratedKernel(
        function=name,
        prototype=signature + ";",
        sources=(source, *sources),
        cost=sum(round(30 + size * cost) for size in sizes),
        inplace=((0, 0), (1, 0)),
        takes_params=bool(call.variants),
    )
