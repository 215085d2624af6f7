"""Graphs that are known to be good: what detectors are made of, as exporters write it."""

from dataclasses import dataclass

import onnx

from tests.export.check.graphs import RELEASES, model, since

EVERYWHERE = RELEASES


@dataclass(frozen=True)
class Good:
    """A graph with the releases that take it."""

    text: str
    passes: tuple[str, ...] = EVERYWHERE
    opset: int = 17

    def model(self) -> onnx.ModelProto:
        return model(self.text, self.opset)


GOOD: dict[str, Good] = {
    "convolution": Good(
        """
        g (float[1,3,8,8] x, float[4,3,3,3] w, float[4] b) => (float[1,4,8,8] z) {
            y = Conv<pads = [1, 1, 1, 1]>(x, w, b)
            z = Relu(y)
        }""",
        since("8.5"),
    ),
    "pooling": Good(
        "g (float[1,3,8,8] x) => (float[1,3,4,4] y) {"
        " y = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(x) }"
    ),
    "nearest-upsampling": Good(
        """
        g (float[1,2,8,8] x) => (float[1,2,16,16] y) {
            scales = Constant<value = float[4] {1.0, 1.0, 2.0, 2.0}>()
            y = Resize<mode = "nearest", coordinate_transformation_mode = "asymmetric",
                       nearest_mode = "floor">(x, , scales)
        }"""
    ),
    "shape-arithmetic": Good(
        """
        g (float[2,3,4] x) => (float[2,12] y) {
            shape = Shape(x)
            zero = Constant<value = int64 {0}>()
            rows = Gather<axis = 0>(shape, zero)
            axis = Constant<value = int64[1] {0}>()
            first = Unsqueeze(rows, axis)
            rest = Constant<value = int64[1] {-1}>()
            sides = Concat<axis = 0>(first, rest)
            y = Reshape(x, sides)
        }"""
    ),
    "top-boxes": Good(
        """
        g (float[1,100] scores, float[1,100,4] boxes) => (float[1,10,4] y) {
            k = Constant<value = int64[1] {10}>()
            best, rows = TopK(scores, k)
            axis = Constant<value = int64[1] {2}>()
            column = Unsqueeze(rows, axis)
            four = Constant<value = int64[3] {1, 10, 4}>()
            index = Expand(column, four)
            y = GatherElements<axis = 1>(boxes, index)
        }"""
    ),
    "box-decoding": Good(
        """
        g (float[8,4] deltas, float[8,2] sides) => (float[8,2] y) {
            two = Constant<value = int64[1] {2}>()
            four = Constant<value = int64[1] {4}>()
            one = Constant<value = int64[1] {1}>()
            logs = Slice(deltas, two, four, one)
            low = Constant<value = float {-4.0}>()
            high = Constant<value = float {4.135}>()
            bounded = Clip(logs, low, high)
            grown = Exp(bounded)
            y = Mul(grown, sides)
        }"""
    ),
    "suppression": Good(
        """
        g (float[1,10,4] boxes, float[1,2,10] scores) => (int64[n,3] rows) {
            most = Constant<value = int64[1] {9223372036854775807}>()
            iou = Constant<value = float[1] {0.5}>()
            low = Constant<value = float[1] {0.05}>()
            rows = NonMaxSuppression(boxes, scores, most, iou, low)
        }""",
        since("8.5"),
    ),
    "region-pooling": Good(
        """
        g (float[1,8,16,16] x, float[5,4] rois, int64[5] index) => (float[5,8,7,7] y) {
            y = RoiAlign<output_height = 7, output_width = 7, sampling_ratio = 2,
                         spatial_scale = 0.25>(x, rois, index)
        }""",
        since("8.5"),
    ),
    "softmax-head": Good(
        """
        g (float[5,8] x, float[8,4] w, float[4] b) => (float[5,4] p) {
            y = Gemm(x, w, b)
            p = Softmax<axis = -1>(y)
        }"""
    ),
    "masked-scores": Good(
        """
        g (float[1,10] scores, bool[1,10] keep) => (float[1,10] y) {
            nothing = Constant<value = float {-1.0}>()
            y = Where(keep, scores, nothing)
        }"""
    ),
    "scattered-mask": Good(
        """
        g (int64[5] kept) => (float[10] y)
        <float[10] zeros = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, float[5] ones = {1, 1, 1, 1, 1}> {
            y = ScatterElements<axis = 0>(zeros, kept, ones)
        }"""
    ),
    "group-norm-by-instance": Good(
        """
        g (float[1,4,8,8] x) => (float[1,4,8,8] y)
        <float[2] scale = {1, 1}, float[2] bias = {0, 0}> {
            grouped = Constant<value = int64[3] {1, 2, -1}>()
            flat = Reshape(x, grouped)
            normal = InstanceNormalization(flat, scale, bias)
            whole = Constant<value = int64[4] {1, 4, 8, 8}>()
            y = Reshape(normal, whole)
        }"""
    ),
    "layer-norm": Good(
        """
        g (float[2,8] x, float[8] s, float[8] b) => (float[2,8] y) {
            y = LayerNormalization<axis = -1, epsilon = 1e-5>(x, s, b)
        }""",
        since("8.6"),
    ),
    "attention": Good(
        """
        g (float[1,8,16] q, float[1,16,8] k, float[1,8,16] v) => (float[1,8,16] y) {
            scores = MatMul(q, k)
            p = Softmax<axis = -1>(scores)
            y = MatMul(p, v)
        }"""
    ),
    "quantized": Good(
        """
        g (float[1,3,8,8] x, float[4,3,3,3] w) => (float[1,4,6,6] z) {
            scale = Constant<value = float {0.1}>()
            zero = Constant<value = int8 {0}>()
            q = QuantizeLinear(x, scale, zero)
            y = DequantizeLinear(q, scale, zero)
            z = Conv(y, w)
        }""",
        since("8.5"),
    ),
    "branch-with-one-shape": Good(
        """
        g (float[2] x, bool c) => (float[2] y) {
            y = If(c) <
                then_branch = a () => (float[2] left) { left = Relu(x) },
                else_branch = b () => (float[2] right) { right = Neg(x) }
            >
        }"""
    ),
    "branch-on-a-literal": Good(
        """
        g (float[2,3] x) => (float[n] y) {
            yes = Constant<value = bool {1}>()
            y = If(yes) <
                then_branch = a () => (float[6] left) {
                    all = Constant<value = int64[1] {-1}>()
                    left = Reshape(x, all)
                },
                else_branch = b () => (float[1] right) {
                    right = Constant<value = float[1] {0.0}>()
                }
            >
        }"""
    ),
    "opset-18-without-news": Good(
        "g (float[1,3,8,8] x) => (float[1,3,8,8] y) { z = Relu(x)\n y = Sigmoid(z) }", opset=18
    ),
    "opset-20": Good(
        """
        g (float[2,3,4] x) => (float[2,1,4] y) {
            axes = Constant<value = int64[1] {1}>()
            y = ReduceMean(x, axes)
        }""",
        since("10.0"),
        opset=20,
    ),
    "sampling": Good(
        "g (float[1,2,8,8] x, float[1,4,4,2] grid) => (float[1,2,4,4] y) {"
        ' y = GridSample<mode = "bilinear", padding_mode = "zeros">(x, grid) }',
        since("8.5"),
    ),
}
