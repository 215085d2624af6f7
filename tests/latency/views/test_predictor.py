from latency import Predictor, describe_predictor
from tests.latency.views.fields import plain


def test_a_predictor(predictor: Predictor) -> None:
    fields = plain(describe_predictor(predictor))
    assert fields["modules"] == len(predictor.costs)
    assert fields["calibration_detectors"] == 8
    assert 0 <= fields["left_out_mape"] < 3  # costs there follow no rule: each is a surprise
    assert 0 < fields["interval_half_width_pct"] < 10
    assert 0 <= fields["unattributed_pct"] < 2  # a constant: any module that all hold may have it
