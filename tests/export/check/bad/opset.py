"""Graphs of operator sets that a release does not read."""

from tests.export.check.graphs import Case, since

OPSET: dict[str, Case] = {
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
}
