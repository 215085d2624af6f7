"""Bad normalisations and convolutions."""

from tests.export.check.graphs import RELEASES, Case, since

LAYERS: dict[str, Case] = {
    "layer-norm-before-8.6": Case(
        """
        g (float[2,8] x, float[8] scale) => (float[2,8] y) {
            y = LayerNormalization<axis = -1>(x, scale)
        }""",
        "operator-supported",
        fails=("8.4", "8.5"),
        passes=since("8.6"),
        issue="onnx-tensorrt Changelog 8.6",
    ),
    "layer-norm-with-mean": Case(
        """
        g (float[2,8] x, float[8] scale) => (float[2,8] y) {
            y, mean = LayerNormalization<axis = -1>(x, scale)
        }""",
        "layer-norm-outputs",
        fails=since("8.6"),
        passes=(),
        issue="onnx-tensorrt docs/operators.md: first output only",
        fixed_by="unused-outputs",
    ),
    "convolution-of-computed-weights": Case(
        """
        g (float[1,2,8,8] x) => (float[1,2,6,6] y)
        <float[2,3,3,2] w = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9,
                             1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9}> {
            turned = Transpose<perm = [0, 3, 1, 2]>(w)
            y = Conv(x, turned)
        }""",
        "conv-weights",
        fails=("8.4",),
        passes=since("8.5"),
        issue="onnx-tensorrt docs/operators.md 8.4: weights must be an initializer",
        fixed_by="fold-operands",
    ),
    "instance-norm-of-computed-scale": Case(
        """
        g (float[1,2,8,8] x) => (float[1,2,8,8] y) {
            one = Constant<value = float[1] {1.0}>()
            two = Constant<value = int64[1] {2}>()
            scale = Expand(one, two)
            bias = Constant<value = float[2] {0.0, 0.0}>()
            y = InstanceNormalization(x, scale, bias)
        }""",
        "instance-norm-scale",
        fails=("8.4", "8.5"),
        passes=since("8.6"),
        issue="onnx-tensorrt docs/operators.md before 8.6",
        fixed_by="fold-operands",
    ),
    "batch-norm-training": Case(
        """
        g (float[1,2,4,4] x, float[2] s, float[2] b, float[2] m, float[2] v)
        => (float[1,2,4,4] y, float[2] m2, float[2] v2) {
            y, m2, v2 = BatchNormalization<training_mode = 1>(x, s, b, m, v)
        }""",
        "batch-norm-training",
        fails=RELEASES,
        passes=(),
        issue="onnx-tensorrt onnxOpCheckers.cpp",
    ),
}
