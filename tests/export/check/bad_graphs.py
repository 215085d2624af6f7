"""Graphs that are known to be bad, each after an issue or a documented limit."""

from tests.export.check.graphs import RELEASES, Case, before, since

TORCH_NMS_IF = """
g (float[n,4] boxes, float[1,1,n] scores) => (int64[m] kept) {
    count = Size(boxes)
    zero = Constant<value = int64 {0}>()
    none = Equal(count, zero)
    kept = If(none) <
        then_branch = nothing () => (int64[0] empty) {
            empty = Constant<value = int64[0] {}>()
        },
        else_branch = some () => (int64[k] indices) {
            axis = Constant<value = int64[1] {0}>()
            batch = Unsqueeze(boxes, axis)
            most = Constant<value = int64[1] {9223372036854775807}>()
            iou = Constant<value = float[1] {0.5}>()
            rows = NonMaxSuppression(batch, scores, most, iou)
            column = Constant<value = int64 {2}>()
            indices = Gather<axis = 1>(rows, column)
        }
    >
}"""

LAYER_NORM = """
g (float[2,8,16] x) => (float[2,8,16] y) {
    mean = ReduceMean<axes = [-1]>(x)
    centred = Sub(x, mean)
    two = Constant<value = float {2.0}>()
    square = Pow(centred, two)
    variance = ReduceMean<axes = [-1]>(square)
    eps = Constant<value = float {1e-5}>()
    safe = Add(variance, eps)
    root = Sqrt(safe)
    y = Div(centred, root)
}"""

BAD: dict[str, Case] = {
    "if-of-torch-nms": Case(
        TORCH_NMS_IF,
        "if-shapes",
        fails=("8.5", "8.6", "10.0", "10.4"),
        passes=("10.11", "11.1"),
        issue="NVIDIA/TensorRT#2846, #1731, #4603",
        fixed_by="inline-empty-if",
    ),
    "if-constant-but-computed": Case(
        """
        g (float[2,3] x) => (float[n] y) {
            size = Size(x)
            six = Constant<value = int64 {6}>()
            same = Equal(size, six)
            y = If(same) <
                then_branch = a () => (float[6] left) {
                    all = Constant<value = int64[1] {-1}>()
                    left = Reshape(x, all)
                },
                else_branch = b () => (float[1] right) {
                    right = Constant<value = float[1] {0.0}>()
                }
            >
        }""",
        "if-shapes",
        fails=before("10.11"),
        passes=since("10.11"),
        issue="NVIDIA/TensorRT#1731",
        fixed_by="inline-constant-if",
    ),
    "if-of-two-ranks": Case(
        """
        g (float[2,3] x, bool c) => (float y) {
            y = If(c) <
                then_branch = a () => (float[2,3] left) { left = Identity(x) },
                else_branch = b () => (float[6] right) {
                    all = Constant<value = int64[1] {-1}>()
                    right = Reshape(x, all)
                }
            >
        }""",
        "if-ranks",
        fails=("10.11", "11.1"),
        passes=(),
        issue="TensorRT release notes 10.11.0: same rank",
    ),
    "if-with-one-name-twice": Case(
        """
        g (float[2] x, bool c) => (float[2] y) {
            y = If(c) <
                then_branch = a () => (float[2] out) { out = Relu(x) },
                else_branch = b () => (float[2] out) { out = Neg(x) }
            >
        }""",
        "if-names",
        fails=RELEASES,
        passes=(),
        issue="onnx-tensorrt docs/operators.md, If",
        fixed_by="rename-branch-outputs",
    ),
    "topk-of-computed-constant": Case(
        """
        g (float[1,100] x) => (float[1,5] values, int64[1,5] rows) {
            five = Constant<value = int64 {5}>()
            axis = Constant<value = int64[1] {0}>()
            k = Unsqueeze(five, axis)
            values, rows = TopK(x, k)
        }""",
        "topk-k",
        fails=("8.4", "8.5"),
        passes=since("8.6"),
        issue="NVIDIA/TensorRT#2721, open-mmlab/mmdeploy#835",
        fixed_by="fold-operands",
    ),
    "topk-of-input": Case(
        """
        g (float[1,100] x, int32[1] count) => (float[1,n] values) {
            k = Cast<to = 7>(count)
            values, rows = TopK(x, k)
        }""",
        "topk-k",
        fails=("8.4", "8.5"),
        passes=since("8.6"),
        issue="NVIDIA/TensorRT#2721",
    ),
    "topk-of-too-many": Case(
        """
        g (float[1,8000] x) => (float[1,4000] values, int64[1,4000] rows) {
            k = Constant<value = int64[1] {4000}>()
            values, rows = TopK(x, k)
        }""",
        "topk-limit",
        fails=RELEASES,
        passes=(),
        issue="NvInfer.h, ITopKLayer::setK",
    ),
    "topk-unsorted": Case(
        """
        g (float[1,100] x) => (float[1,1] least) {
            k = Constant<value = int64[1] {5}>()
            values, rows = TopK<sorted = 0>(x, k)
            least = ReduceMin<axes = [1]>(values)
        }""",
        "topk-sorted",
        fails=("10.4", "10.11", "11.1"),
        passes=("8.6", "10.0"),
        issue="onnx-tensorrt docs/operators.md from 10.1, TopK",
        fixed_by="sorted-topk",
    ),
    "topk-of-integers": Case(
        """
        g (int32[1,100] x) => (int32[1,5] values, int64[1,5] rows) {
            k = Constant<value = int64[1] {5}>()
            values, rows = TopK(x, k)
        }""",
        "type-accepted",
        fails=("8.4", "8.5"),
        passes=since("8.6"),
        issue="onnx-tensorrt Changelog 8.6: INT32 inputs of TopK",
    ),
    "nms-with-computed-threshold": Case(
        """
        g (float[1,10,4] boxes, float[1,1,10] scores) => (int64[n,3] rows) {
            most = Constant<value = int64[1] {5}>()
            iou = Constant<value = float {0.5}>()
            axis = Constant<value = int64[1] {0}>()
            threshold = Unsqueeze(iou, axis)
            rows = NonMaxSuppression(boxes, scores, most, threshold)
        }""",
        "nms-iou",
        fails=("8.4",),
        passes=since("8.5"),
        issue="onnx-tensorrt 8.4 importer: iou_threshold has to be an initializer",
    ),
    "nms-padded": Case(
        """
        g (float[1,10,4] boxes, float[1,1,10] scores) => (int64[n,3] rows) {
            most = Constant<value = int64[1] {5}>()
            rows = NonMaxSuppression(boxes, scores, most)
        }""",
        "nms-padded",
        fails=("8.4",),
        passes=since("8.5"),
        issue="onnx-tensorrt docs/operators.md 8.4: padded to a fixed shape",
    ),
    "roi-align-before-8.5": Case(
        """
        g (float[1,8,16,16] x, float[5,4] rois, int64[5] index) => (float[5,8,7,7] y) {
            y = RoiAlign<output_height = 7, output_width = 7, sampling_ratio = 2>(x, rois, index)
        }""",
        "operator-supported",
        fails=("8.4",),
        passes=since("8.5"),
        issue="open-mmlab/mmdeploy#2791; CHANGELOG 8.5.1",
    ),
    "roi-align-without-ratio": Case(
        """
        g (float[1,8,16,16] x, float[5,4] rois, int64[5] index) => (float[5,8,7,7] y) {
            y = RoiAlign<output_height = 7, output_width = 7>(x, rois, index)
        }""",
        "roi-align-sampling",
        fails=since("8.5"),
        passes=(),
        issue="onnx-tensorrt importers: attrs.get('sampling_ratio', 1), ONNX's default is 0",
        fixed_by="name-sampling-ratio",
    ),
    "non-zero-before-8.5": Case(
        "g (float[4,5] x) => (int64[2,n] rows) { rows = NonZero(x) }",
        "operator-supported",
        fails=("8.4",),
        passes=since("8.5"),
        issue="onnx-tensorrt Changelog 8.5",
    ),
    "grid-sample-before-8.5": Case(
        "g (float[1,2,8,8] x, float[1,4,4,2] grid) => (float[1,2,4,4] y) {"
        " y = GridSample(x, grid) }",
        "operator-supported",
        fails=("8.4",),
        passes=since("8.5"),
        issue="lyuwenyu/RT-DETR: GridSample needs 8.5",
    ),
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
    "mod-before-8.5": Case(
        "g (int32[4] x, int32[4] y) => (int32[4] z) { z = Mod(x, y) }",
        "operator-supported",
        fails=("8.4",),
        passes=since("8.5"),
        issue="torchvision RetinaNet on 8.4",
    ),
    "mod-of-floats": Case(
        "g (float[4] x, float[4] y) => (float[4] z) { z = Mod<fmod = 0>(x, y) }",
        "mod-float",
        fails=since("8.5"),
        passes=(),
        issue="onnx-tensorrt importers: fmod 0 with floats",
    ),
    "unique": Case(
        "g (float[4] x) => (float[n] y) { y = Unique(x) }",
        "operator-supported",
        fails=RELEASES,
        passes=(),
        issue="onnx-tensorrt docs/operators.md",
    ),
    "max-roi-pool": Case(
        "g (float[1,2,8,8] x, float[3,5] rois) => (float[3,2,4,4] y) {"
        " y = MaxRoiPool<pooled_shape = [4, 4]>(x, rois) }",
        "operator-supported",
        fails=RELEASES,
        passes=(),
        issue="onnx-tensorrt docs/operators.md",
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
    "scatter-nd-adds": Case(
        """
        g (float[4] x, int64[2,1] rows, float[2] more) => (float[4] y) {
            y = ScatterND<reduction = "add">(x, rows, more)
        }""",
        "scatter-nd-reduction",
        fails=RELEASES,
        passes=(),
        issue="onnx-tensorrt docs/operators.md from 10.0",
    ),
    "scatter-nd-says-none": Case(
        """
        g (float[4] x, int64[2,1] rows, float[2] more) => (float[4] y) {
            y = ScatterND<reduction = "none">(x, rows, more)
        }""",
        "scatter-nd-reduction",
        fails=("10.0", "10.4"),
        passes=("8.4", "8.6", "10.11", "11.1"),
        issue="onnx-tensorrt pull request after 10.0: allow reduction to be none; CHANGELOG 10.9",
        fixed_by="plain-scatter",
    ),
    "scatter-elements-adds": Case(
        """
        g (float[4] x, int64[2] rows, float[2] more) => (float[4] y) {
            y = ScatterElements<reduction = "add">(x, rows, more)
        }""",
        "scatter-elements-reduction",
        fails=("8.4", "8.5", "8.6"),
        passes=since("10.0"),
        issue="CHANGELOG 10.0.0: reduction in ScatterElements",
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
    "einsum-in-capitals": Case(
        'g (float[2,3] x, float[3,4] y) => (float[2,4] z) { z = Einsum<equation = "BC,CD->BD">'
        "(x, y) }",
        "einsum-letters",
        fails=RELEASES,
        passes=(),
        issue="onnx-tensorrt onnxOpCheckers.cpp",
        fixed_by="small-letters",
    ),
    "einsum-with-ellipsis": Case(
        "g (float[2,3,4] x, float[2,4,5] y) => (float[2,3,5] z) { z = Einsum<equation ="
        ' "...ij,...jk->...ik">(x, y) }',
        "einsum-forms",
        fails=before("11.1"),
        passes=("11.1",),
        issue="CHANGELOG 10.12.0: ellipses in Einsum",
    ),
    "mean-over-operand-axes": Case(
        """
        g (float[2,3,4] x) => (float[2,1,4] y) {
            one = Constant<value = int64 {1}>()
            first = Constant<value = int64[1] {0}>()
            axes = Unsqueeze(one, first)
            y = ReduceSum(x, axes)
        }""",
        "reduce-axes",
        fails=RELEASES,
        passes=(),
        issue="onnx-tensorrt docs/operators.md: axes must be an initializer",
        fixed_by="fold-operands",
    ),
    "cumulating-over-input-axis": Case(
        "g (float[2,3] x, int64 axis) => (float[2,3] y) { y = CumSum(x, axis) }",
        "cumsum-axis",
        fails=before("10.11"),
        passes=since("10.11"),
        issue="onnx-tensorrt docs/operators.md: axis must be an initializer; CHANGELOG 10.8.0",
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
    "loop-collecting-unknown-rounds": Case(
        """
        g (int64 rounds, float[4] x) => (float[n,4] all) {
            go = Constant<value = bool {1}>()
            all = Loop(rounds, go) <body = b (int64 i, bool c) => (bool more, float[4] out) {
                more = Identity(c)
                out = Relu(x)
            }>
        }""",
        "loop-scans",
        fails=RELEASES,
        passes=(),
        issue="onnx-tensorrt docs/operators.md from 10.1: scan length static",
    ),
    "loop-that-grows": Case(
        """
        g (float[1,4] x) => (float[n,4] y) {
            rounds = Constant<value = int64 {3}>()
            go = Constant<value = bool {1}>()
            y = Loop(rounds, go, x) <
                body = b (int64 i, bool c, float[n,4] have) => (bool more, float[2,4] grown) {
                    more = Identity(c)
                    grown = Concat<axis = 0>(x, x)
                }
            >
        }""",
        "loop-carried",
        fails=RELEASES,
        passes=(),
        issue="torchvision Mask R-CNN, paste_masks",
    ),
    "reduce-of-opset-18": Case(
        """
        g (float[2,3,4] x) => (float[2,1,4] y) {
            axes = Constant<value = int64[1] {1}>()
            y = ReduceMean(x, axes)
        }""",
        "opset-forms",
        fails=("8.4", "8.5", "8.6"),
        passes=since("10.0"),
        issue="TensorRT 8.6 reads opset 17",
        opset=18,
        fixed_by="older-opset",
    ),
    "grid-sample-of-opset-20": Case(
        "g (float[1,2,8,8] x, float[1,4,4,2] grid) => (float[1,2,4,4] y) {"
        " y = GridSample(x, grid) }",
        "opset-forms",
        fails=("8.5", "8.6"),
        passes=since("10.0"),
        issue="PogChamper/dfine-cpp: stock GridSample export",
        opset=20,
    ),
    "half-large-constant": Case(
        """
        g (float[4] x) => (float[4] y) {
            big = Constant<value = float {100000.0}>()
            y = Mul(x, big)
        }""",
        "half-overflow",
        fails=RELEASES,
        passes=(),
        issue="modelopt AutoCast init_max = 65504",
        precision="fp16",
    ),
    "half-vanishing-guard": Case(
        """
        g (float[4] x) => (float[4] y) {
            eps = Constant<value = float {1e-12}>()
            safe = Add(x, eps)
            y = Sqrt(safe)
        }""",
        "half-underflow",
        fails=RELEASES,
        passes=(),
        issue="roboflow/rf-detr#352: failure near LayerNorm in fp16",
        precision="fp16",
    ),
    "half-layer-norm-written-out": Case(
        LAYER_NORM,
        "half-norm",
        fails=RELEASES,
        passes=(),
        issue="marcoslucianops/DeepStream-Yolo#647",
        precision="fp16",
        fixed_by="join-layer-norm",
    ),
}
