from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detection import Preprocess
from engines import (
    EngineBase,
    EngineRunError,
    FakeBackend,
    LayerTime,
    Measurement,
    TimingProtocol,
    TorchModel,
)
from export import PredictedLatency
from export.bundle.postprocess import Postprocess
from export.comparison.data import EvaluationData, open_data
from export.gate.latency import judge_budget
from export.gate.outcome import Outcome
from export.running.session import Session
from export.timing.engine_times import EngineTimes, best_of
from export.timing.measuring import (
    ATTEMPTS,
    budget_protocol,
    first_images,
    measure_engine,
    photographs,
    profile_layers,
    time_engine,
    visit_engine,
)
from latency import ProfileError, Sentinel

FAST = TimingProtocol(warmup_min_ms=0, min_samples=6, max_samples=6, max_seconds=0.1)
INPUTS = {"image": np.ones((1, 3), np.float32)}


def engine_of(latency_ms: float = 3.0, **options: Any) -> EngineBase:
    return FakeBackend(latency_ms=lambda model: latency_ms, **options).build(
        TorchModel(None, INPUTS)
    )


@pytest.fixture
def visits(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """Make measurements unstable as a test says, in the order taken."""
    good = engine_of().measure(FAST)

    def arrange(*unsteady: int) -> list[int]:
        taken: list[int] = []

        def measure(*args: object) -> Measurement:
            bad = unsteady[len(taken)]
            taken.append(bad)
            return replace(good, steady=bad < 1, converged=bad < 2)

        monkeypatch.setattr("export.timing.measuring.measure_in_turns", measure)
        return taken

    return arrange


def test_a_stable_measurement_is_taken_once(visits: Callable[..., list[int]]) -> None:
    taken = visits(0, 0)
    assert measure_engine(engine_of(), FAST).steady
    assert taken == [0]


def test_an_unstable_measurement_is_taken_again(visits: Callable[..., list[int]]) -> None:
    taken = visits(1, 0, 0)
    assert measure_engine(engine_of(), FAST).steady
    assert taken == [1, 0]


def test_it_gives_up_with_the_best_of_the_bad(visits: Callable[..., list[int]]) -> None:
    visits(*[2, 1, 2][:ATTEMPTS])
    found = visit_engine(engine_of(), FAST)
    assert len(found) == ATTEMPTS
    assert best_of(found) is found[1]
    refused = replace(found[1], refused="the machine's speed changed")
    assert best_of([refused, found[0]]) is found[0]


def test_a_sentinel_beside_tells_the_machine_s_speed() -> None:
    backend = FakeBackend(latency_ms=lambda model: 2.0 if model.name == "sentinel" else 5.0)
    engine = backend.build(TorchModel(None, INPUTS))
    with Sentinel(backend, precision="fp32", threads=1, device="cpu") as sentinel:
        visit, *_ = visit_engine(engine, FAST, [INPUTS, INPUTS], sentinel)
    assert visit.measurement.median_ms == pytest.approx(5.0)
    assert visit.measurement.inputs == 2
    assert visit.sentinel_ms == pytest.approx(2.0)
    assert (visit.refused, visit.sentinel_drift) == (None, pytest.approx(0.0))
    measured = EngineTimes((visit,), sentinel.key).measured
    assert (measured.images, measured.sentinel_ms) == (2, visit.sentinel_ms)


def test_the_99th_percentile_is_of_single_runs_and_of_enough_of_them() -> None:
    assert budget_protocol(FAST, "p50") is FAST
    protocol = budget_protocol(FAST, "p99")
    engine = engine_of(0.05, noise=0.02)
    measured = EngineTimes(visit_engine(engine, protocol)).measured
    assert measured.n >= 368
    assert measured.p99_ci_ms is not None
    low, high = measured.p99_ci_ms
    assert high is not None
    assert measured.median_ms < low <= measured.p99_ms <= high
    assert judge_budget(measured, high, "p99").outcome is Outcome.PASS
    assert judge_budget(measured, low, "p99").outcome is Outcome.INCONCLUSIVE
    assert judge_budget(measured, measured.median_ms, "p99").outcome is Outcome.FAIL
    short = EngineTimes(visit_engine(engine, FAST)).measured
    assert short.p99_ci_ms is not None
    assert short.p99_ci_ms[1] is None


class Told(EngineBase):
    """An engine that tells its layers, and on which input they were timed."""

    def layer_times(self, inputs: Any = None, *, runs: int = 20) -> tuple[LayerTime, ...]:
        self.profiled = inputs
        return (LayerTime("conv", 2.0, ("/stem/Conv",)),)


def test_layers_are_timed_on_the_image_of_the_median_latency() -> None:
    engine = engine_of()
    sets = [{"image": np.full((1, 3), number, np.float32)} for number in range(3)]
    measured = replace(engine.measure(FAST), raw_ms=(5.0, 1.0, 3.0, 5.0, 1.0, 3.0), inputs=3)
    engine.layer_times = Told.layer_times.__get__(engine)  # type: ignore[attr-defined]
    layers, notes = profile_layers(engine, sets, measured)
    assert ([layer.name for layer in layers], notes) == (["conv"], ())
    assert engine.profiled is sets[2]  # type: ignore[attr-defined]


def test_an_engine_without_layers_says_why() -> None:
    engine = engine_of()
    assert profile_layers(engine, None, engine.measure(FAST)) == (
        (),
        ("engine fake does not tell what its layers take",),
    )

    def fails(inputs: Any = None, *, runs: int = 20) -> tuple[LayerTime, ...]:
        raise EngineRunError("no counters")

    engine.layer_times = fails  # type: ignore[attr-defined]
    assert profile_layers(engine, None, engine.measure(FAST))[1] == (
        "the layers could not be timed: no counters",
    )


def test_without_a_sentinel_the_latency_is_measured_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*args: object, **options: object) -> Sentinel:
        raise ProfileError("engine fake cannot build the sentinel")

    monkeypatch.setattr("export.timing.measuring.Sentinel", refuse)
    session = Session(engine_of(), Preprocess((64, 64)), Postprocess(), ("a",))
    times = time_engine(session, None, FAST, FakeBackend(), device="cpu", profile=True)
    assert times.sentinel is None
    assert times.measured.sentinel_ms is None
    assert times.end_to_end is None
    predicted = PredictedLatency(3.0, 2.9, 3.1, reference_ms=8.0)
    report = times.report(predicted)
    assert (report.speed, report.comparable_ms) == (None, pytest.approx(3.0))
    assert report.note == (
        "engine fake cannot build the sentinel; engine fake does not tell what its layers take"
    )


@pytest.fixture
def data(data_folder: Path) -> EvaluationData:
    return open_data(data_folder, "val", Preprocess((64, 64)))


@pytest.mark.parametrize("batch", [1, 3, 6])
def test_first_images_fill_the_batch(data: EvaluationData, batch: int) -> None:
    images = first_images(data, batch)["image"]
    assert images.shape == (batch, 3, 64, 64)
    assert images.std() > 0.1
    if batch > len(data):
        np.testing.assert_array_equal(images[0], images[len(data)])


def test_photographs_differ(data: EvaluationData) -> None:
    session = Session(engine_of(), Preprocess((64, 64)), Postprocess(), ("a",), batch=2)
    sets = [inputs["image"] for inputs in photographs(data, session)]
    assert [images.shape for images in sets] == [(2, 3, 64, 64)] * 2
    assert not np.array_equal(sets[0], sets[1])
