import onnx
import pytest

from export.check import RULES, Severity, check_model, parse_target
from export.check.rules.operator_table import (
    OPERATORS,
    REFUSED,
    first_release,
    source_of,
    types_of,
)
from export.check.rules.plugin_table import LIVES
from tests.export.check.graphs import RELEASES, model


def warned(text: str, release: str, precision: str = "fp32") -> set[str]:
    report = check_model(model(text), parse_target(release, precision))
    return {item.rule for item in report.findings if item.severity is Severity.WARN}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_rule_says_what_why_and_where(rule) -> None:  # type: ignore[no-untyped-def]
    assert RULES[rule.id] is rule
    assert rule.summary.endswith(".")
    assert rule.source
    assert rule.fix
    assert not rule.fix.endswith(".")


def test_table_knows_only_operators_of_onnx() -> None:
    known = {schema.name for schema in onnx.defs.get_all_schemas_with_history()}
    legacy = {"Swish", "TensorScatter", "ImageDecoder"}  # newer than some releases of onnx
    assert set(OPERATORS) - known - legacy == set()
    assert REFUSED - known - legacy == set()
    assert not REFUSED & set(OPERATORS)


@pytest.mark.parametrize(
    ("op", "release", "letters"),
    [
        ("NonZero", (8, 4), None),
        ("NonZero", (8, 5), "fhiqo"),
        ("TopK", (8, 5), "fh"),
        ("TopK", (8, 6), "fhi"),
        ("TopK", (10, 4), "fhbil"),
        ("DeformConv", (10, 0), None),
        ("DeformConv", (10, 1), "fh"),
        ("Conv", (8, 4), "fhq"),
        ("Unique", (11, 1), None),
        ("NoSuchOperator", (11, 1), None),
    ],
)
def test_table(op: str, release: tuple[int, int], letters: str | None) -> None:
    assert types_of(op, release) == letters


@pytest.mark.parametrize("release", RELEASES)
def test_every_operator_fails_exactly_where_the_table_says(release: str) -> None:
    target = parse_target(release)
    value = onnx.helper.make_tensor_value_info
    ends = [value("x", onnx.TensorProto.FLOAT, [2])], [value("y", onnx.TensorProto.FLOAT, None)]
    for op in (*OPERATORS, *REFUSED, "NoSuchOperator"):
        schema = onnx.defs.get_schema(op if onnx.defs.has(op) else "Relu")
        results = ["y", "z", "w"][: max(1, schema.min_output)]
        node = onnx.helper.make_node(op, ["x"] * max(1, schema.min_input), results)
        built = onnx.helper.make_model(onnx.helper.make_graph([node], "g", *ends))
        refused = {item.rule for item in check_model(built, target).failures}
        unsupported = types_of(op, target.release) is None
        assert ("operator-supported" in refused) == unsupported, op


def test_columns_have_sources() -> None:
    assert source_of((10, 4)) == "onnx/onnx-tensorrt 96e78110 docs/operators.md"
    assert source_of((8, 4)).split()[1] == "63d626b6"
    assert first_release("Unique") is None


def test_plugins_live_forwards() -> None:
    for name, life in LIVES.items():
        marks = [life.since, life.deprecated or (99, 0), life.removed or (99, 1)]
        assert marks == sorted(marks), name


@pytest.mark.parametrize(
    ("release", "found"), [("10.4", True), ("10.11", False), ("8.6", False), ("11.1", False)]
)
def test_slow_nms_is_named(release: str, found: bool) -> None:
    text = """
    g (float[1,10,4] boxes, float[1,1,10] scores) => (int64[n,3] rows) {
        most = Constant<value = int64[1] {5}>()
        rows = NonMaxSuppression(boxes, scores, most)
    }"""
    assert ("nms-slow" in warned(text, release)) == found
    assert "data-dependent-outputs" in warned(text, release)


def test_int64_interface_is_named_before_9() -> None:
    text = "g (float[1,4] x) => (int64[1] y) { y = ArgMax<axis = 1, keepdims = 0>(x) }"
    assert "int64-interface" in warned(text, "8.6")
    assert "int64-interface" not in warned(text, "10.0")


def test_more_boxes_than_nms_looks_at() -> None:
    text = """
    g (float[1,6000,4] boxes, float[1,1,6000] scores) => (int64[n,3] rows) {
        rows = NonMaxSuppression(boxes, scores)
    }"""
    assert "nms-boxes" in warned(text, "10.4")


def test_documented_types_are_a_warning() -> None:
    text = "g (int32[2,3] x) => (int32[1,1] y) { y = ReduceSum(x) }"
    assert "type-documented" in warned(text, "8.6")
    assert "type-documented" not in warned(text, "10.0")


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ("y = Exp(x)", "half-exp"),
        ("y = ReduceSum(x)", "half-sum"),
        ("big = Constant<value = float {1e9}>()\n y = Min(x, big)", "half-overflow"),
        ("eps = Constant<value = float {1e-12}>()\n y = Add(x, eps)", "half-underflow"),
    ],
)
def test_hazards_of_half_precision(body: str, rule: str) -> None:
    text = f"g (float[100,100] x) => (float y) {{ {body} }}"
    assert rule in warned(text, "10.4", "fp16")
    assert rule not in warned(text, "10.4")


@pytest.mark.parametrize(
    "body",
    [
        "s = Sigmoid(x)\n y = Exp(s)",
        "low = Constant<value = float {-4.0}>()\n high = Constant<value = float {4.0}>()\n"
        "c = Clip(x, low, high)\n y = Exp(c)",
        "m = ReduceMax<axes = [1]>(x)\n d = Sub(x, m)\n y = Exp(d)",
        "high = Constant<value = float {11.0}>()\n c = Min(x, high)\n y = Exp(c)",
        "s = Softmax(x)\n t = Transpose(s)\n y = Exp(t)",
        "big = Constant<value = float {65504.0}>()\n y = Mul(x, big)",
    ],
)
def test_what_is_bounded_is_no_hazard(body: str) -> None:
    text = f"g (float[10,10] x) => (float y) {{ {body} }}"
    assert warned(text, "10.4", "fp16") == set()


@pytest.mark.parametrize(("side", "found"), [(1024, False), (1088, True)])
def test_large_images_make_coarse_boxes(side: int, found: bool) -> None:
    text = f"""
    g (float[1,3,{side},64] image, float[1,10,4] boxes, float[1,1,10] scores)
    => (float[1,3,{side},64] y, int64[n,3] rows) {{
        y = Relu(image)
        rows = NonMaxSuppression(boxes, scores)
    }}"""
    assert ("half-boxes" in warned(text, "10.4", "fp16")) == found


def test_newest_release_has_no_fp16_flag() -> None:
    text = "g (float[2] x) => (float[2] y) { y = Relu(x) }"
    assert warned(text, "11.x", "fp16") == {"strong-typing"}
    assert warned(text, "10.4", "fp16") == set()


def test_failures_come_first_and_lines_group_them() -> None:
    text = """
    g (float[4] a, float[4] b) => (float[n] y, float[m] z, int64[1] k) {
        y = Unique(a)
        z = Unique(b)
        k = ArgMax<axis = 0>(a)
    }"""
    report = check_model(model(text), parse_target("8.6"))
    severities = [item.severity for item in report.findings]
    assert severities == sorted(severities, key=[Severity.FAIL, Severity.WARN].index)
    first = report.lines()[0]
    assert first.startswith("fail: Unique y (and 1 more): no release takes Unique")
    assert "docs/operators.md" in first
    assert report.to_dict()["passed"] is False
    assert report.nodes == 3


def test_what_stands_in_a_function_is_seen() -> None:
    function = '<domain: "own", opset_import: ["" : 17]> odd (x) => (y) { y = Unique(x) }'
    built = model(
        "g (float[3] x) => (float[n] y) { y = own.odd(x) }",
        functions=function,
        domains=', "own": 1',
    )
    report = check_model(built, parse_target("10.4"))
    assert [item.rule for item in report.failures] == ["operator-supported"]


def test_every_release_can_be_checked() -> None:
    for release in RELEASES:
        for precision in ("fp32", "fp16"):
            built = model("g (float[2] x) => (float[2] y) { y = Relu(x) }")
            assert check_model(built, parse_target(release, precision)).passed
