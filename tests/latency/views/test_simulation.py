"""Simulated predictions as fields, labelled as such."""

from latency import describe_devices, predict_simulated, simulated_devices
from tests.latency.views.fields import plain


def test_rows_are_labelled_and_hold_the_fields_of_any_prediction() -> None:
    archs = ["zoo:E2", "detnas-nano:00-00-0000-00"]
    rows = plain(predict_simulated("simulated:V100", archs, input_hw=(320, 480)))
    for arch, row in zip(archs, rows, strict=True):
        assert row["simulated"] is True
        assert row["arch"] == arch
        assert row["input_hw"] == [320, 480]
        assert row.keys() >= {"p50_ms", "lo_ms", "hi_ms", "breakdown", "coverage"}
        assert (row["device"], row["engine"], row["precision"]) == ("V100", "pytorch", "fp32")
        assert row["estimated_figures"] == ["peak_tflops.int8"]


def test_without_a_size_each_model_has_its_own() -> None:
    rows = predict_simulated("simulated:V100", ["zoo:E0", "zoo:E5"])
    assert [row["input_hw"] for row in rows] == [[512, 512], [800, 1333]]


def test_devices_are_listed_with_what_is_not_known_of_them() -> None:
    rows = {row["name"]: row for row in plain(describe_devices())}
    assert rows.keys() == {f"simulated:{name}" for name in simulated_devices()}
    assert rows["simulated:V100"]["engines"] == ["pytorch", "tensorrt"]
    assert rows["simulated:V100"]["calibrated"]
    assert "peak_tflops.int8" in rows["simulated:V100"]["estimated_figures"]
