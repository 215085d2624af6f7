import json
from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from engines import LayerTime
from export import ModuleShare, PredictedLatency
from export.timing.attribution import attribute_error
from export.timing.predicted import CLOSURE

SHARES = (
    ModuleShare("stem", "backbone", 2.0),
    ModuleShare("neck", "neck", 1.0),
    ModuleShare("head", "head", 1.0),
    ModuleShare(CLOSURE, "other", 0.5),
)
PREDICTED = PredictedLatency(4.5, 4.3, 4.7, 0.9, 1.0, SHARES)
LAYERS = (
    LayerTime("conv", 2.0, ("/stem/Conv",)),
    LayerTime("conv + add", 1.5, ("/neck/Conv", "/head/Add")),
    LayerTime("select", 1.5, ("/head/NonMaxSuppression",)),
    LayerTime("reorder_1", 0.6),
    LayerTime("reorder_2", 0.4),
)


def test_errors_add_up_and_the_largest_comes_first() -> None:
    found = attribute_error(LAYERS, PREDICTED, 9.0)
    assert found is not None
    assert found.scale == pytest.approx(1.5)  # 9 ms without a profile, 6 ms with one
    assert found.measured_ms == pytest.approx(9.0)
    assert found.predicted_ms == pytest.approx(4.5)
    assert found.error_ms == pytest.approx(sum(gap.error_ms for gap in found.modules))
    errors = [abs(gap.error_ms) for gap in found.modules]
    assert errors == sorted(errors, reverse=True)
    by_name = {gap.name: gap for gap in found.modules}
    assert by_name["stem"].measured_ms == pytest.approx(3.0)
    assert by_name[CLOSURE].measured_ms == pytest.approx(1.5)
    assert found.unattributed == (
        ("reorder_1", pytest.approx(0.9)),
        ("reorder_2", pytest.approx(0.6)),
    )


def test_a_fused_layer_is_shared_and_marked() -> None:
    found = attribute_error(LAYERS, PREDICTED, 6.0)
    assert found is not None
    by_name = {gap.name: gap for gap in found.modules}
    neck, head = by_name["neck"], by_name["head"]
    assert (neck.fused_ms, neck.fused_with) == (pytest.approx(0.75), ("head",))
    assert (head.measured_ms, head.fused_ms) == (pytest.approx(2.25), pytest.approx(0.75))
    assert by_name["stem"].fused_with == ()
    assert "head (+1.250 ms: 2.250 against 1.000 predicted, 0.750 of it shared with neck)" in (
        found.explanation()
    )


def test_modules_without_a_layer_are_told() -> None:
    found = attribute_error(LAYERS[:1], PREDICTED, 2.0)
    assert found is not None
    assert {gap.name: gap.seen for gap in found.modules} == {
        "stem": True,
        "neck": False,
        "head": False,
        CLOSURE: True,
    }
    assert found.explanation().startswith(
        "-2.500 ms in all, the largest errors are neck (-1.000 ms"
    )
    assert "no layer of it was seen" in found.explanation()


def test_fused_modules_that_were_predicted_to_take_nothing_share_alike() -> None:
    shares = (ModuleShare("a", "head", 0.0), ModuleShare("b", "head", 0.0))
    found = attribute_error(
        [LayerTime("ab", 1.0, ("/a/X", "/b/Y"))], replace(PREDICTED, breakdown=shares), 1.0
    )
    assert found is not None
    gaps = {gap.name: gap.measured_ms for gap in found.modules}
    assert (gaps["a"], gaps["b"]) == (pytest.approx(0.5), pytest.approx(0.5))


def test_nothing_to_attribute() -> None:
    assert attribute_error([], PREDICTED, 5.0) is None
    assert attribute_error([LayerTime("x", 0.0)], PREDICTED, 5.0) is None
    assert attribute_error(LAYERS, replace(PREDICTED, breakdown=()), 5.0) is None


@given(
    st.lists(
        st.tuples(
            st.one_of(st.just(0.0), st.floats(1e-3, 10)),
            st.sets(st.sampled_from(["/stem/A", "/neck/B", "/head/C", "/x/D"])),
        ),
        min_size=1,
        max_size=12,
    ),
    st.floats(0.1, 50),
)
def test_no_millisecond_is_lost(layers: list[tuple[float, set[str]]], measured_ms: float) -> None:
    given_layers = [
        LayerTime(str(number), ms, tuple(sorted(nodes)))
        for number, (ms, nodes) in enumerate(layers)
    ]
    found = attribute_error(given_layers, PREDICTED, measured_ms)
    if sum(ms for ms, _ in layers) == 0:
        assert found is None
        return
    assert found is not None
    assert found.measured_ms == pytest.approx(measured_ms)
    assert found.predicted_ms == pytest.approx(PREDICTED.p50_ms)
    assert all(gap.fused_ms <= gap.measured_ms + 1e-9 for gap in found.modules)
    json.dumps(found.to_dict(), allow_nan=False)
