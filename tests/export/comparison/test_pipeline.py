from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detection import Detector, Preprocess
from export import Detections, ExportResult, Outcome, Session
from export.comparison.data import EvaluationData, open_data
from export.comparison.pipeline import compare_pipeline
from export.gate.pipeline import MAX_INPUT_DIFFERENCE, PipelineReport, judge_pipeline
from export.running.reference import Reference
from tests.export.conftest import LABELS


@pytest.fixture
def session(exported: ExportResult) -> Iterator[Session[Any]]:
    with Session.open(exported.bundle) as opened:
        yield opened


@pytest.fixture
def data(data_folder: Path) -> EvaluationData:
    return open_data(data_folder, "val", Preprocess((64, 64)))


@pytest.fixture
def reference(detector: Detector) -> Reference:
    return Reference(detector, Preprocess((64, 64)), LABELS)


def test_a_good_session(reference: Reference, session: Session[Any], data: EvaluationData) -> None:
    report = compare_pipeline(reference, session, data)
    assert report == PipelineReport(4, 0.0, report.read, report.read)
    assert report.read > 8
    assert judge_pipeline(report).outcome is Outcome.PASS


@pytest.mark.parametrize(
    "changes",
    [
        {"channel_order": "BGR"},
        {"pad_value": 0.01},
        {"mean": (0.485, 0.456, 0.407)},
        {"std": (0.229, 0.224, 0.226)},
    ],
)
def test_other_inputs_show_whatever_the_engine_makes_of_them(
    reference: Reference, session: Session[Any], data: EvaluationData, changes: dict[str, Any]
) -> None:
    session.preprocess = replace(session.preprocess, **changes)
    report = compare_pipeline(reference, session, data)
    assert report.input_difference > MAX_INPUT_DIFFERENCE
    assert report.same == report.read
    assert judge_pipeline(report).outcome is Outcome.FAIL


def moved(found: Detections) -> Detections:
    return replace(found, boxes=found.boxes + 0.1)


def rescored(found: Detections) -> Detections:
    return replace(found, scores=found.scores.round(2))


def relabelled(found: Detections) -> Detections:
    return replace(found, labels=(found.labels + 1) % 3)


def shortened(found: Detections) -> Detections:
    return found.select(np.arange(len(found)) > 0)


@pytest.mark.parametrize("change", [moved, rescored, relabelled, shortened])
def test_outputs_that_are_read_otherwise_show(
    reference: Reference,
    session: Session[Any],
    data: EvaluationData,
    change: Callable[[Detections], Detections],
) -> None:
    before = session.finish
    session.finish = lambda made, boxes: [change(one) for one in before(made, boxes)]  # type: ignore[method-assign]
    report = compare_pipeline(reference, session, data)
    assert report.input_difference == 0.0
    assert report.same < report.read
    assert judge_pipeline(report).outcome is Outcome.FAIL


def test_other_names_are_other_classes(
    reference: Reference, session: Session[Any], data: EvaluationData
) -> None:
    session.labels = ("square", "circle", "triangle")
    report = compare_pipeline(reference, session, data)
    assert 0 <= report.same < report.read


def test_what_was_not_compared_is_not_judged() -> None:
    assert judge_pipeline(None).outcome is Outcome.NOT_JUDGED
