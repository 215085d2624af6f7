from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detection import Detector, Preprocess
from export.bundle.postprocess import Postprocess
from export.comparison.data import EvaluationData, open_data
from export.running.session import Session
from export.timing.stages import MIN_ROUNDS, STAGES, choose_images, time_stages
from tests.export.module_runner import ModuleRunner

SIZE = (64, 64)


@pytest.fixture
def data(data_folder: Path) -> EvaluationData:
    return open_data(data_folder, "val", Preprocess(SIZE))


@pytest.mark.parametrize(
    ("batch", "count", "runs"), [(1, 8, 4), (1, 2, 2), (2, 8, 2), (3, 8, 1), (6, 8, 1)]
)
def test_images_are_distinct_as_far_as_there_are_so_many(
    data: EvaluationData, batch: int, count: int, runs: int
) -> None:
    groups = choose_images(data, batch, count)
    assert [len(group) for group in groups] == [batch] * runs
    ids = [image.id for group in groups for image in group]
    assert len(set(ids)) == min(len(ids), len(data))


def test_few_images_are_spread_over_the_data(data: EvaluationData) -> None:
    ids = [group[0].id for group in choose_images(data, 1, 2)]
    assert ids == [data.annotations.images[0].id, data.annotations.images[2].id]


def ticking(*steps: float) -> Any:
    """Return a clock that moves on by so many seconds at every look, over and over."""
    state = {"now": 0.0, "look": -1}

    def clock() -> float:
        if state["look"] >= 0:
            state["now"] += steps[int(state["look"]) % len(steps)]
        state["look"] += 1
        return state["now"]

    return clock


def test_stages_are_told_apart_and_add_up(torch_session: Session, data: EvaluationData) -> None:
    # A run looks five times at the clock, and so takes four steps; the first one lies between two
    # runs, since the clock is looked at once when the first round is over.
    clock = ticking(0.0, 0.004, 0.001, 0.02, 0.002)
    found = time_stages(torch_session, data, seconds=0.0, clock=clock)
    assert (found.images, found.batch, found.runs) == (4, 1, 4 * MIN_ROUNDS)
    assert [stage.name for stage in found.stages] == list(STAGES)
    for stage, ms in zip(found.stages, (4.0, 1.0, 20.0, 2.0), strict=True):
        assert (stage.p50_ms, stage.p90_ms, stage.p99_ms) == pytest.approx((ms, ms, ms))
    assert found.total.p50_ms == pytest.approx(27.0)


def test_time_bounds_the_rounds(torch_session: Session, data: EvaluationData) -> None:
    # Every run takes 0.5 s, a round of four 2 s.
    found = time_stages(torch_session, data, seconds=9.0, clock=ticking(0.1))
    assert found.runs == 4 * 5


def test_real_times_are_positive(detector: Detector, data: EvaluationData) -> None:
    with Session(
        ModuleRunner(detector), Preprocess(SIZE), Postprocess(), ("a", "b", "c"), batch=2
    ) as session:
        found = time_stages(session, data, count=1, seconds=0.0)
    assert (found.images, found.batch, found.runs) == (2, 2, MIN_ROUNDS)
    for stage in (*found.stages, found.total):
        assert 0 < stage.p50_ms <= stage.p90_ms <= stage.p99_ms
    assert found.total.p99_ms >= max(stage.p50_ms for stage in found.stages)


def test_a_session_s_stages_are_what_it_does_at_once(
    torch_session: Session, data: EvaluationData
) -> None:
    image = data.dataset.load(data.annotations.images[0])
    inputs, letterboxes = torch_session.prepare([image])
    (apart,) = torch_session.finish(torch_session.engine.run({"image": inputs}), letterboxes)
    whole = torch_session.detect(image)
    np.testing.assert_array_equal(apart.boxes, whole.boxes)
    np.testing.assert_array_equal(apart.scores, whole.scores)
