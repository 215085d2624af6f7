"""Branches and loops that are known to be bad."""

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

CONTROL_FLOW: dict[str, Case] = {
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
}
