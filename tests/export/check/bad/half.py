"""Graphs that are bad in half precision alone."""

from tests.export.check.graphs import RELEASES, Case

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

HALF: dict[str, Case] = {
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
