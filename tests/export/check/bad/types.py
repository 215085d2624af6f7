"""Bad element types, casts and quantisation."""

from tests.export.check.graphs import RELEASES, Case, before, since

TYPES: dict[str, Case] = {
    "uint8-mask": Case(
        """
        g (float[4,5] x) => (int64[2,n] rows) {
            zero = Constant<value = float {0.0}>()
            mask = Greater(x, zero)
            bytes = Cast<to = 2>(mask)
            rows = NonZero(bytes)
        }""",
        "uint8-inside",
        fails=since("8.5"),
        passes=(),
        issue="NVIDIA/TensorRT samples dds_faster_rcnn, modify_onnx.py",
        fixed_by="uint8-to-bool",
    ),
    "uint8-image-before-8.5": Case(
        "g (uint8[1,3,8,8] image) => (float[1,3,8,8] y) { y = Cast<to = 1>(image) }",
        "type-exists",
        fails=("8.4",),
        passes=since("8.5"),
        issue="onnx-tensorrt Changelog 8.5: UINT8 inputs and outputs",
    ),
    "cast-to-string": Case(
        "g (float[4] x) => (string[4] y) { y = Cast<to = 8>(x) }",
        "cast-type",
        fails=RELEASES,
        passes=(),
        issue="onnx-tensorrt convertDtype",
    ),
    "integer-matmul": Case(
        "g (int32[2,3] x, int32[3,4] y) => (int32[2,4] z) { z = MatMul(x, y) }",
        "type-accepted",
        fails=RELEASES,
        passes=(),
        issue="onnx-tensorrt importers: MatMul of INT32",
    ),
    "where-of-bools": Case(
        "g (bool[4] c, bool[4] x, bool[4] y) => (bool[4] z) { z = Where(c, x, y) }",
        "type-accepted",
        fails=("8.4",),
        passes=since("8.5"),
        issue="onnx-tensorrt 8.4 importer: Where of BOOL",
    ),
    "power-of-integers": Case(
        """
        g (int32[4] x) => (int32[4] y) {
            two = Constant<value = int32 {2}>()
            y = Pow(x, two)
        }""",
        "type-accepted",
        fails=before("11.1"),
        passes=("11.1",),
        issue="CHANGELOG 10.12.0: integer bases of Pow",
    ),
    "large-int64": Case(
        """
        g (int64[2] x) => (int64[2] y) {
            big = Constant<value = int64 {5000000000}>()
            y = Add(x, big)
        }""",
        "int64-values",
        fails=("8.4", "8.5", "8.6"),
        passes=since("10.0"),
        issue="onnx-tensorrt: INT64 weights are cast down to INT32, out of range are clamped",
    ),
    "quantized-asymmetrically": Case(
        """
        g (float[4] x) => (float[4] y) {
            scale = Constant<value = float {0.1}>()
            zero = Constant<value = int8 {3}>()
            q = QuantizeLinear(x, scale, zero)
            y = DequantizeLinear(q, scale, zero)
        }""",
        "quantize-zero",
        fails=RELEASES,
        passes=(),
        issue="NVIDIA/TensorRT#2237; onnx-tensorrt: symmetric quantisation only",
    ),
    "quantized-unsigned": Case(
        """
        g (float[4] x) => (float[4] y) {
            scale = Constant<value = float {0.1}>()
            zero = Constant<value = uint8 {0}>()
            q = QuantizeLinear(x, scale, zero)
            y = DequantizeLinear(q, scale, zero)
        }""",
        "quantize-type",
        fails=RELEASES,
        passes=(),
        issue="onnx-tensorrt: quantises to INT8",
    ),
    "dequantized-without-zero": Case(
        """
        g (float[4] x) => (float[4] z)
        <int8[4] w = {1, 2, 3, 4}, float s = {0.5}> {
            y = DequantizeLinear(w, s)
            z = Add(x, y)
        }""",
        "quantize-zero-missing",
        fails=("8.4", "8.5", "8.6"),
        passes=since("10.0"),
        issue="onnx-tensorrt 8.6 importer: three inputs of Quantize and DequantizeLinear",
        fixed_by="add-zero-points",
    ),
}
