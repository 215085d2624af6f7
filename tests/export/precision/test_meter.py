"""The meter agrees with the gate, which it is to foresee."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from detection import Detector, Preprocess
from export import Outcome, Session
from export.bundle.postprocess import Detections, Postprocess
from export.comparison.compare import compare
from export.comparison.data import EvaluationData, open_data
from export.errors import PrecisionError
from export.gate.detections import judge_parity
from export.gate.verdict import judge_accuracy
from export.precision.meter import Alike, LossMeter, Recorded
from export.running.reference import Reference
from tests.export.module_runner import ModuleRunner

LABELS = ("circle", "square", "triangle")


class Spoilt:
    """A reference, of whose detections some are lost."""

    def __init__(self, inner: Reference, share: float) -> None:
        self.inner, self.share = inner, share
        self.labels = inner.labels
        self.batch = 1
        self.rng = np.random.default_rng(0)

    @property
    def max_detections(self) -> int | None:
        return self.inner.max_detections

    def detect_batch(self, images):
        return [self._spoil(found) for found in self.inner.detect_batch(images)]

    def _spoil(self, found: Detections) -> Detections:
        return found.select(self.rng.random(len(found)) >= self.share)


@pytest.fixture
def data(data_folder: Path) -> EvaluationData:
    return open_data(data_folder, "val", Preprocess((64, 64)))


@pytest.fixture
def reference(detector: Detector) -> Reference:
    return Reference(detector, Preprocess((64, 64)), LABELS)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.9])
@pytest.mark.parametrize("limit", [0.5, 20.0])
def test_it_foresees_the_gate(
    reference: Reference, data: EvaluationData, share: float, limit: float
) -> None:
    meter = LossMeter(Recorded(reference, data), limit)
    loss = meter.loss(Spoilt(reference, share))
    comparison = compare(reference, Spoilt(reference, share), data)
    outcome = judge_accuracy(comparison.accuracy, limit).outcome
    assert loss.passed == (outcome is Outcome.PASS)
    row = comparison.accuracy.row("AP")
    assert loss.points == pytest.approx(row.drop, abs=1e-9)
    if loss.high is not None:
        assert row.drop_ci is not None
        assert loss.high == pytest.approx(row.drop_ci[1])


def test_a_session_is_measured_like_a_reference(
    detector: Detector, reference: Reference, data: EvaluationData
) -> None:
    meter = LossMeter(Recorded(reference, data), 0.5)
    session = Session(ModuleRunner(detector), Preprocess((64, 64)), Postprocess(), LABELS)
    loss = meter.loss(session)
    assert loss.points == pytest.approx(0, abs=1e-6)
    assert loss.passed


def test_a_replay_gives_what_was_found(reference: Reference, data: EvaluationData) -> None:
    recorded = Recorded(reference, data)
    replay = recorded.replay()
    images = [data.dataset.load(info) for info in data.annotations.images]
    found = [*replay.detect_batch(images[:3]), *replay.detect_batch(images[3:])]
    assert [len(one) for one in found] == [len(one) for one in recorded.found]
    assert replay.max_detections == reference.max_detections
    assert replay.labels == LABELS


def test_what_tells_no_loss_is_refused(
    reference: Reference, data: EvaluationData, make_detector: Callable[..., Detector]
) -> None:
    with pytest.raises(PrecisionError, match="no loss could be told"):
        LossMeter(Recorded(reference, data), 100.0)
    one = EvaluationData(data.name, data.dataset.first(1))
    with pytest.raises(PrecisionError, match="at least two"):
        LossMeter(Recorded(reference, one), 0.5)


@pytest.mark.parametrize(("share", "alike"), [(0.0, True), (0.05, True), (0.4, False)])
def test_detections_must_be_alike_too(
    reference: Reference, data: EvaluationData, share: float, alike: bool
) -> None:
    asked = Alike("int8")
    loss = LossMeter(Recorded(reference, data), 90.0, asked).loss(Spoilt(reference, share))
    comparison = compare(reference, Spoilt(reference, share), data, iou=asked.iou)
    check = judge_parity(comparison.parity, precision="int8")
    assert loss.matched == comparison.parity.matched_fraction
    assert loss.passed == alike == (check.outcome is not Outcome.FAIL)
    by_ap = LossMeter(Recorded(reference, data), 90.0).loss(Spoilt(reference, share))
    assert by_ap.passed
    assert by_ap.matched is None
