"""Bad graphs over height and width: sampling, deformation, pooling, resizing."""

from tests.export.check.graphs import RELEASES, Case, before, since

SPATIAL: dict[str, Case] = {
    "grid-sample-before-8.5": Case(
        "g (float[1,2,8,8] x, float[1,4,4,2] grid) => (float[1,2,4,4] y) {"
        " y = GridSample(x, grid) }",
        "operator-supported",
        fails=("8.4",),
        passes=since("8.5"),
        issue="lyuwenyu/RT-DETR: GridSample needs 8.5",
    ),
    "deform-conv-before-10.1": Case(
        """
        g (float[1,2,8,8] x, float[3,2,3,3] w, float[1,18,6,6] d) => (float[1,3,6,6] y) {
            y = DeformConv<kernel_shape = [3, 3], pads = [0, 0, 0, 0]>(x, w, d)
        }""",
        "operator-supported",
        fails=before("10.4"),
        passes=since("10.4"),
        issue="CHANGELOG 10.1.0",
        opset=19,
    ),
    "deform-conv-padded-askew": Case(
        """
        g (float[1,2,8,8] x, float[3,2,3,3] w, float[1,18,7,7] d) => (float[1,3,7,7] y) {
            y = DeformConv<kernel_shape = [3, 3], pads = [0, 0, 1, 1]>(x, w, d)
        }""",
        "deform-conv-pads",
        fails=since("10.4"),
        passes=(),
        issue="onnx-tensorrt docs/operators.md from 10.1",
        opset=19,
    ),
    "pooling-dilated": Case(
        "g (float[1,2,8,8] x) => (float[1,2,4,4] y) {"
        " y = MaxPool<kernel_shape = [3, 3], dilations = [2, 2]>(x) }",
        "pool-dilation",
        fails=RELEASES,
        passes=(),
        issue="onnx-tensorrt 10.0 onnxOpCheckers.cpp",
    ),
    "pooling-with-indices": Case(
        "g (float[1,2,8,8] x) => (float[1,2,4,4] y, int64[1,2,4,4] i) {"
        " y, i = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(x) }",
        "pool-indices",
        fails=RELEASES,
        passes=(),
        issue="onnx-tensorrt docs/operators.md",
    ),
    "pooling-with-unread-indices": Case(
        "g (float[1,2,8,8] x) => (float[1,2,4,4] y) {"
        " y, i = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(x) }",
        "pool-indices",
        fails=RELEASES,
        passes=(),
        issue="onnx-tensorrt importers: node.output().size() == 1",
        fixed_by="unused-outputs",
    ),
    "resize-antialiased": Case(
        """
        g (float[1,2,8,8] x) => (float[1,2,4,4] y) {
            scales = Constant<value = float[4] {1.0, 1.0, 0.5, 0.5}>()
            y = Resize<mode = "linear", antialias = 1>(x, , scales)
        }""",
        "resize-policy",
        fails=RELEASES,
        passes=(),
        issue="onnx-tensorrt docs/operators.md from 10.0",
        opset=18,
    ),
    "resize-cropping": Case(
        """
        g (float[1,2,8,8] x) => (float[1,2,4,4] y) {
            roi = Constant<value = float[8] {0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0}>()
            scales = Constant<value = float[4] {1.0, 1.0, 0.5, 0.5}>()
            y = Resize<mode = "linear", coordinate_transformation_mode = "tf_crop_and_resize">
                (x, roi, scales)
        }""",
        "resize-mode",
        fails=RELEASES,
        passes=(),
        issue="onnx-tensorrt docs/operators.md, Resize",
    ),
    "resize-cubic": Case(
        """
        g (float[1,2,8,8] x) => (float[1,2,16,16] y) {
            scales = Constant<value = float[4] {1.0, 1.0, 2.0, 2.0}>()
            y = Resize<mode = "cubic">(x, , scales)
        }""",
        "resize-cubic",
        fails=("8.4",),
        passes=since("8.5"),
        issue="onnx-tensorrt 8.4 importer",
    ),
}
