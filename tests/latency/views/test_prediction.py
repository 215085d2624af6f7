from collections.abc import Callable

import numpy as np
import pytest

from latency import (
    LatencyError,
    LatencyTable,
    Predictor,
    PredictorError,
    describe_evaluation,
    describe_latency,
    evaluate,
    predict_archs,
)
from searchspaces import ArchitectureError, SearchSpace, make_space
from tests.latency.oracle import true_latency_ms
from tests.latency.views.fields import plain

RunProfile = Callable[..., LatencyTable]


def test_a_prediction(predictor: Predictor, space: SearchSpace) -> None:
    arch = space.decode("0123012301")
    latency = predictor.predict(space.detector(arch))
    fields = plain(describe_latency("detnas-nano:0123012301", latency))
    parts = sum(item["ms"] for item in fields["breakdown"])
    assert parts + fields["unattributed_ms"] == pytest.approx(fields["p50_ms"])
    assert fields["lo_ms"] <= fields["p50_ms"] <= fields["hi_ms"]
    assert fields["coverage"] == 1.0
    assert (fields["unfamiliar"], fields["out_of_distribution"]) == (0.0, False)
    assert sum(item["count"] for item in fields["breakdown"]) == len(
        space.detector(arch).graph().nodes
    )


def test_architectures_are_predicted_in_the_predictors_own_space(
    predictor: Predictor, space: SearchSpace
) -> None:
    code = "01-23-0123-01"
    (row,) = predict_archs(predictor, [f"detnas-nano:{code}"])
    graph = space.detector(space.decode(code)).graph()
    assert row["arch"] == f"detnas-nano:{code}"
    assert row["p50_ms"] == pytest.approx(true_latency_ms(graph), rel=1e-4)
    with pytest.raises(LatencyError, match="fitted on detnas-nano"):
        predict_archs(predictor, ["detnas-small:" + "0" * 20])
    with pytest.raises(ArchitectureError):
        predict_archs(predictor, ["detnas-nano:0"])
    assert predict_archs(predictor, []) == []


def test_another_batch_size_is_unlike_all_that_was_measured(
    predictor: Predictor, space: SearchSpace
) -> None:
    graph = space.detector(space.decode("0123012301")).graph(4)
    fields = plain(describe_latency("detnas-nano:0123012301", predictor.predict(graph)))
    assert (fields["unfamiliar"], fields["out_of_distribution"]) == (pytest.approx(1.0), True)
    (row,) = predict_archs(predictor, ["detnas-nano:0123012301"], batch=1)
    assert (row["batch"], row["unfamiliar"]) == (1, 0.0)
    with pytest.raises(PredictorError, match="nothing of batch 4; profile with --batch 4"):
        predict_archs(predictor, ["detnas-nano:0123012301"], batch=4)


def test_an_evaluation(predictor: Predictor, run_profile: RunProfile) -> None:
    held_out = run_profile("held.jsonl", modules=False, seed=9)
    fields = plain(describe_evaluation(evaluate(predictor, held_out)))
    assert fields["n"] == len(fields["detectors"]) > 0
    assert fields["mape"] == pytest.approx(0.0, abs=0.01)
    assert fields["as_measured"]["mape"] == pytest.approx(0.0, abs=0.01)
    assert fields["within_5pct"] in (1.0, 100.0)
    assert (fields["unfamiliar"], fields["notes"]) == (0, [])
    assert fields["by_batch"]["1"]["mape"] == fields["mape"]
    assert {"kendall_tau", "interval_coverage", "within_10pct"} <= fields.keys()


def test_a_prediction_far_from_all_that_was_measured_is_flagged(predictor: Predictor) -> None:
    """Convolutions of ResNets at another input: nothing of them was part of the profile."""
    other = make_space("crnas-resnet50", input_hw=(128, 128), num_classes=3)
    latency = predictor.predict(other.detector(other.sample(np.random.default_rng(0))))
    fields = plain(describe_latency("crnas-resnet50:...", latency))
    strange = sum(item["ms"] for item in fields["breakdown"] if not item["familiar"])
    assert strange / sum(item["ms"] for item in fields["breakdown"]) == fields["unfamiliar"]
    assert 0.1 < fields["unfamiliar"] <= 1.0
    assert fields["out_of_distribution"] is True
    assert fields["coverage"] < 0.5


def test_predict_archs(predictor):
    code = "detnas-nano:00-11-2233-00"
    row = predict_archs(predictor, [code])[0]
    assert row["arch"] == code
    assert row["lo_ms"] <= row["p50_ms"] <= row["hi_ms"]
    assert sum(item["count"] for item in row["breakdown"]) == 14
    with pytest.raises(LatencyError, match="fitted on detnas-nano"):
        predict_archs(predictor, ["detnas-small:" + "0" * 20])
