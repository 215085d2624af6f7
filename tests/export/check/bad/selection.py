"""Bad graphs that select: TopK, non-maximum suppression, RoIAlign, NonZero."""

from tests.export.check.graphs import RELEASES, Case, since

SELECTION: dict[str, Case] = {
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
    "max-roi-pool": Case(
        "g (float[1,2,8,8] x, float[3,5] rois) => (float[3,2,4,4] y) {"
        " y = MaxRoiPool<pooled_shape = [4, 4]>(x, rois) }",
        "operator-supported",
        fails=RELEASES,
        passes=(),
        issue="onnx-tensorrt docs/operators.md",
    ),
}
