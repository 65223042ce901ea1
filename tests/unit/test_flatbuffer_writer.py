# SPDX-License-Identifier: Apache-2.0
"""The .tflite writer, judged by the LiteRT interpreter and by the schema's own reader."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from intarsia.errors import UsageError
from intarsia.exporters.flatbuffer import BUFFER_ALIGNMENT, TfliteWriter


def interpret(model: bytes) -> Interpreter:
    interpreter = Interpreter(
        model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF, num_threads=1
    )
    interpreter.allocate_tensors()
    return interpreter


def run(model: bytes, *inputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
    interpreter = interpret(model)
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return np.asarray(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))


def convolution_model() -> bytes:
    """A 1x1 int8 convolution with one scale per output channel: y0 = x0 + x1, y1 = 2 * (x0 - x1)."""
    writer = TfliteWriter()
    x = writer.tensor("x", (1, 2, 2, 2), "int8", scale=0.5, zero_point=-3)
    weights = np.array([[1, 1], [1, -1]], dtype=np.int8).reshape(2, 1, 1, 2)
    w = writer.tensor("w", weights.shape, "int8", weights, scale=[1.0, 2.0], zero_point=0, axis=0)
    b = writer.tensor("b", (2,), "int32", np.zeros(2, np.int32), scale=[0.5, 1.0])
    y = writer.tensor("y", (1, 2, 2, 2), "int8", scale=0.5, zero_point=1)
    options = schema.Conv2DOptionsT()
    options.strideW = options.strideH = 1
    writer.operator("CONV_2D", [x, w, b], [y], options, version=3)
    return writer.finish([x], [y], description="convolution")


def test_quantized_convolution_runs_in_litert() -> None:
    x = np.arange(8, dtype=np.int8).reshape(1, 2, 2, 2)
    first, second = x[..., 0].astype(int) + 3, x[..., 1].astype(int) + 3
    expected = np.stack([first + second, 2 * (first - second)], axis=-1) + 1
    np.testing.assert_array_equal(run(convolution_model(), x), expected)


def test_per_channel_quantization_and_names_are_kept() -> None:
    details = {d["name"]: d for d in interpret(convolution_model()).get_tensor_details()}
    assert set(details) == {"x", "w", "b", "y"}
    quantization = details["w"]["quantization_parameters"]
    np.testing.assert_array_equal(quantization["scales"], [1.0, 2.0])
    np.testing.assert_array_equal(quantization["zero_points"], [0, 0])
    assert quantization["quantized_dimension"] == 0


def test_same_calls_give_same_bytes() -> None:
    assert convolution_model() == convolution_model()


def test_identifier_empty_first_buffer_and_alignment() -> None:
    content = convolution_model()
    assert content[4:8] == b"TFL3"
    model = schema.Model.GetRootAsModel(content, 0)
    assert model.Description() == b"convolution"
    assert model.BuffersLength() == 3
    assert model.Buffers(0).DataLength() == 0
    origin = np.frombuffer(content, dtype=np.uint8).__array_interface__["data"][0]
    for index in (1, 2):
        address = model.Buffers(index).DataAsNumpy().__array_interface__["data"][0]
        assert (address - origin) % BUFFER_ALIGNMENT == 0


def test_operator_codes_are_shared_per_version() -> None:
    writer = TfliteWriter()
    a, b, c, d = (writer.tensor(name, (1, 4), "float32") for name in "abcd")
    writer.operator("RELU", [a], [b])
    writer.operator("RELU", [b], [c])
    writer.operator("RELU", [c], [d], version=2)
    model = schema.ModelT.InitFromPackedBuf(writer.finish([a], [d]), 0)
    assert [code.version for code in model.operatorCodes] == [1, 2]
    assert [op.opcodeIndex for op in model.subgraphs[0].operators] == [0, 0, 1]


def test_codes_beyond_the_deprecated_byte() -> None:
    writer = TfliteWriter()
    x, y = writer.tensor("x", (1, 4), "float32"), writer.tensor("y", (1, 4), "float32")
    writer.operator("GELU", [x], [y], schema.GeluOptionsT())
    content = writer.finish([x], [y])
    code = schema.ModelT.InitFromPackedBuf(content, 0).operatorCodes[0]
    assert (code.deprecatedBuiltinCode, code.builtinCode) == (127, schema.BuiltinOperator.GELU)
    np.testing.assert_array_equal(run(content, np.zeros((1, 4), np.float32)), np.zeros((1, 4)))


def test_optional_input_may_be_left_out() -> None:
    writer = TfliteWriter()
    x = writer.tensor("x", (1, 3), "float32")
    w = writer.tensor("w", (2, 3), "float32", np.arange(6).reshape(2, 3) * 0.5)
    y = writer.tensor("y", (1, 2), "float32")
    writer.operator("FULLY_CONNECTED", [x, w, -1], [y], schema.FullyConnectedOptionsT())
    result = run(writer.finish([x], [y]), np.ones((1, 3), np.float32))
    np.testing.assert_array_equal(result, [[1.5, 6.0]])


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        ("float32", np.array([1.5, -2.25], np.float32)),
        ("float16", np.array([1.5, -2.25], np.float16)),
        ("int8", np.array([-128, 127], np.int8)),
        ("uint8", np.array([0, 255], np.uint8)),
        ("int16", np.array([-32768, 32767], np.int16)),
        ("int32", np.array([-(2**31), 2**31 - 1], np.int32)),
        ("int64", np.array([-(2**63), 2**63 - 1], np.int64)),
        ("bool", np.array([True, False])),
    ],
)
def test_constants_of_every_type_are_read_back(dtype: str, values: npt.NDArray[Any]) -> None:
    writer = TfliteWriter()
    x = writer.tensor("x", (2,), "float32")
    y = writer.tensor("y", (2,), "float32")
    constant = writer.tensor("constant", (2,), dtype, values)
    writer.operator("RELU", [x], [y])
    interpreter = interpret(writer.finish([x], [y]))
    stored = interpreter.get_tensor(constant)
    assert stored.dtype == values.dtype
    np.testing.assert_array_equal(stored, values)


def test_int4_is_packed_low_half_first() -> None:
    writer = TfliteWriter()
    writer.tensor("w", (3,), "int4", np.array([1, -1, -8], np.int8), scale=1.0)
    model = schema.ModelT.InitFromPackedBuf(writer.finish([], []), 0)
    assert model.buffers[1].data.tobytes() == bytes([0xF1, 0x08])
    assert model.subgraphs[0].tensors[0].type == schema.TensorType.INT4
    assert list(model.subgraphs[0].tensors[0].shape) == [3]


def test_shape_signature_allows_resizing() -> None:
    writer = TfliteWriter()
    x = writer.tensor("x", (1, 4), "float32", shape_signature=(-1, 4))
    y = writer.tensor("y", (1, 4), "float32", shape_signature=(-1, 4))
    writer.operator("RELU", [x], [y])
    details = interpret(writer.finish([x], [y])).get_input_details()[0]
    np.testing.assert_array_equal(details["shape_signature"], [-1, 4])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dtype": "float24"}, "unknown dtype"),
        ({"dtype": "int8", "data": [1, 200]}, "do not fit"),
        ({"dtype": "int4", "data": [8, 0]}, "do not fit"),
        ({"dtype": "int8", "data": [0.5, 1.0]}, "do not fit"),
        ({"dtype": "bool", "data": [0, 1]}, "do not fit"),
        ({"dtype": "int8", "data": [1, 2, 3]}, "3 values"),
        ({"dtype": "int8", "scale": [1.0, 2.0, 3.0]}, "3 scales"),
        ({"dtype": "int8", "scale": [1.0, 2.0], "axis": 1}, "axis 1"),
        ({"dtype": "int8", "scale": 1.0, "zero_point": [0, 0]}, "zero points"),
        ({"dtype": "int8", "zero_point": 3}, "no scale"),
    ],
)
def test_bad_tensors_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        TfliteWriter().tensor("weights", (2,), **arguments)
    assert "'weights'" in str(caught.value)
    assert caught.value.hint


def test_bad_operators_are_refused() -> None:
    writer = TfliteWriter()
    x = writer.tensor("x", (1,), "float32")
    with pytest.raises(UsageError, match="not a built-in operator"):
        writer.operator("CONVOLVE", [x], [x])
    with pytest.raises(UsageError, match="tensor 1"):
        writer.operator("RELU", [x], [1])
    with pytest.raises(UsageError, match="tensor -1"):
        writer.operator("RELU", [x], [-1])
    with pytest.raises(UsageError, match="no operator's options"):
        writer.operator("RELU", [x], [x], schema.TensorT())
    with pytest.raises(UsageError, match="tensor 5"):
        writer.finish([5], [x])
