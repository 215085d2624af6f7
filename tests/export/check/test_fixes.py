"""Every fix repairs what it is for, and nothing that changes an output survives."""

import numpy as np
import onnx
import onnxruntime
import pytest

from export.check import FIXES, RULES, Target, check_model, fix_model, parse_target
from export.check.fixes import Fix
from export.check.fixing import APPLIED, ROLLED_BACK, UNPROVEN
from tests.export.check.bad.control_flow import TORCH_NMS_IF
from tests.export.check.bad.half import LAYER_NORM
from tests.export.check.bad_graphs import BAD
from tests.export.check.graphs import Case, model
from tests.export.check.plugin_graphs import PLUGINS

FIXABLE = [
    pytest.param(case, release, id=f"{name}-{release}")
    for name, case in BAD.items()
    if case.fixed_by
    for release in (case.fails[0], case.fails[-1])
]


def run(model: onnx.ModelProto, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return [np.asarray(item) for item in session.run(None, inputs)]


@pytest.mark.parametrize(("case", "release"), FIXABLE)
def test_fix_repairs_the_finding(case: Case, release: str) -> None:
    if (case.fixed_by, release) == ("join-layer-norm", "8.4"):
        release = "8.6"  # the first release that has LayerNormalization
    target = parse_target(release, case.precision)
    before = case.model()
    fixed, report = fix_model(before, target)
    statuses = {outcome.name: outcome.status for outcome in report.outcomes}
    assert statuses.get(case.fixed_by) == APPLIED, report.outcomes
    assert case.rule in {found.rule for found in report.before.failures}
    assert case.rule not in {found.rule for found in report.after.failures}
    assert before == case.model(), "the model given was changed"
    onnx.checker.check_model(fixed, full_check=True)


def test_enough_fixes_are_proven_exactly() -> None:
    exact = {name for name, fix in FIXES.items() if fix.tolerance == 0}
    tried = {case.fixed_by for case in BAD.values()} | {"inline-functions", "int32-interface"}
    assert len(exact & tried) >= 8
    assert set(FIXES) <= tried
    assert {rule for fix in FIXES.values() for rule in fix.rules} <= set(RULES)


@pytest.mark.parametrize("rows", [0, 1, 40])
def test_the_branch_for_nothing_is_not_missed(rows: int) -> None:
    """torch's If around NMS: without it, no boxes still give no boxes."""
    fixed, report = fix_model(model(TORCH_NMS_IF), parse_target("8.6"))
    assert report.passed
    assert not any(node.op_type == "If" for node in fixed.graph.node)
    rng = np.random.default_rng(0)
    inputs = {
        "boxes": np.sort(rng.random((rows, 4), np.float32) * 50, axis=1),
        "scores": rng.random((1, 1, rows), np.float32),
    }
    (before,), (after,) = run(model(TORCH_NMS_IF), inputs), run(fixed, inputs)
    np.testing.assert_array_equal(before, after)
    assert (len(after) > 0) == (rows > 0)


def test_layer_norm_is_joined_within_rounding() -> None:
    fixed, report = fix_model(model(LAYER_NORM), parse_target("10.4", "fp16"))
    assert report.passed
    assert [node.op_type for node in fixed.graph.node] == ["LayerNormalization"]
    x = np.random.default_rng(1).standard_normal((2, 8, 16)).astype(np.float32)
    np.testing.assert_allclose(run(model(LAYER_NORM), {"x": x}), run(fixed, {"x": x}), atol=1e-5)


def test_interface_becomes_int32_where_the_engine_has_it() -> None:
    text = """
    g (int64[3] x) => (int64[3] y, float[3] z) {
        one = Constant<value = int64 {1}>()
        y = Add(x, one)
        z = Cast<to = 1>(x)
    }"""
    fixed, report = fix_model(model(text), parse_target("8.6"))
    assert [outcome.name for outcome in report.outcomes] == ["int32-interface"]
    assert report.after.findings == ()
    y, z = run(fixed, {"x": np.arange(3, dtype=np.int32)})
    assert y.dtype == np.int32
    np.testing.assert_array_equal(y, [1, 2, 3])
    np.testing.assert_array_equal(z, [0, 1, 2])
    assert fix_model(model(text), parse_target("10.0"))[1].outcomes == ()


def test_functions_are_inlined() -> None:
    twice = '<domain: "own", opset_import: ["" : 17]> twice (x) => (y) { y = Add(x, x) }'
    built = model(
        "g (float[3] x) => (float[3] y) { y = own.twice(x) }",
        functions=twice,
        domains=', "own": 1',
    )
    assert {item.rule for item in check_model(built, parse_target("8.6")).failures} == {
        "functions"
    }
    assert check_model(built, parse_target("10.0")).passed
    fixed, report = fix_model(built, parse_target("8.6"))
    assert report.passed
    assert not fixed.functions


def test_nested_branches_are_inlined_with_their_names() -> None:
    text = """
    g (float[2] x) => (float[n] y) {
        size = Size(x)
        two = Constant<value = int64 {2}>()
        same = Equal(size, two)
        y = If(same) <
            then_branch = a () => (float[4] left) {
                h = Relu(x)
                inner = If(same) <
                    then_branch = c () => (float[2] d) { d = Neg(h) },
                    else_branch = e () => (float[1] f) { f = Constant<value = float[1] {0.0}>() }
                >
                left = Concat<axis = 0>(inner, h)
            },
            else_branch = b () => (float[1] right) { right = Constant<value = float[1] {0.0}>() }
        >
    }"""
    fixed, report = fix_model(model(text), parse_target("8.6"))
    assert report.passed
    assert not any(node.op_type == "If" for node in fixed.graph.node)
    x = np.array([1.0, -2.0], np.float32)
    np.testing.assert_array_equal(run(fixed, {"x": x})[0], [-1.0, -0.0, 1.0, 0.0])


def test_a_fix_that_changes_outputs_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(model: onnx.ModelProto, target: Target) -> int:
        model.graph.node[-1].op_type = "Neg"
        return 1

    wrong = Fix("wrong", "Spoils the graph.", ("topk-k",), spoil)
    monkeypatch.setitem(FIXES, "wrong", wrong)
    text = """
    g (float[1,9] x, int32[1] count) => (float[1,n] y) {
        k = Cast<to = 7>(count)
        values, rows = TopK(x, k)
        y = Relu(values)
    }"""
    fixed, report = fix_model(model(text), parse_target("8.5"))
    (outcome,) = (item for item in report.outcomes if item.name == "wrong")
    assert outcome.status == ROLLED_BACK
    assert outcome.detail == "output 'y' differs"
    assert [node.op_type for node in fixed.graph.node] == ["Cast", "TopK", "Relu"]
    assert not report.passed


def test_a_fix_that_breaks_the_graph_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(model: onnx.ModelProto, target: Target) -> int:
        model.graph.node[-1].input[0] = "nowhere"
        return 1

    monkeypatch.setitem(FIXES, "wrong", Fix("wrong", "Spoils it.", ("topk-k",), spoil))
    _, report = fix_model(BAD["topk-of-input"].model(), parse_target("8.5"))
    assert [outcome.status for outcome in report.outcomes] == [ROLLED_BACK]


def test_an_order_that_is_read_is_not_changed() -> None:
    """Sorting is one of the orders that ``sorted = 0`` allows, yet it may not be the runtime's."""
    text = """
    g (float[1,100] x) => (float[1,50] values) {
        k = Constant<value = int64[1] {50}>()
        values, rows = TopK<sorted = 0>(x, k)
    }"""
    _, report = fix_model(model(text), parse_target("10.4"))
    assert [(item.name, item.status) for item in report.outcomes] == [("sorted-topk", ROLLED_BACK)]
    assert not report.passed


def test_what_cannot_be_run_is_not_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    def harmless(model: onnx.ModelProto, target: Target) -> int:
        model.producer_name = "changed"
        return 1

    fix = Fix("harmless", "Does nothing.", ("plugin-present",), harmless)
    monkeypatch.setitem(FIXES, "harmless", fix)
    original = PLUGINS["mmdeploy-batched-nms"].model()
    fixed, report = fix_model(original, parse_target("10.4"))
    assert [outcome.status for outcome in report.outcomes] == [UNPROVEN]
    assert fixed == original


def test_a_good_graph_is_left_alone() -> None:
    good = model("g (float[2] x) => (float[2] y) { y = Relu(x) }")
    fixed, report = fix_model(good, parse_target("10.4"))
    assert fixed == good
    assert report.passed
    assert report.outcomes == ()
