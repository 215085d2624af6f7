"""Bad arithmetic: remainders, scattering, sums along axes, Einsum."""

from tests.export.check.graphs import RELEASES, Case, before, since

ARITHMETIC: dict[str, Case] = {
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
}
