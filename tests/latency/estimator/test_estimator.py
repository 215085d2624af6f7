"""Estimates on a device whose times are known."""

import numpy as np
import pytest

from latency import ModuleEstimator, PredictorError, UnprofiledModuleError, fit_estimator
from latency.estimator import (
    estimator_from_fields,
    estimator_to_fields,
    family,
    network,
)
from latency.estimator.family import _weights
from latency.estimator.family_arrays import family_from_arrays, family_to_arrays
from tests.latency.estimator.device import conv, depthwise, grid, measured, true_ms

NOISE = 0.01


@pytest.fixture(scope="module")
def parts():
    rng = np.random.default_rng(0)
    everything = list(measured([*grid(), *depthwise()], NOISE, rng).items())
    order = rng.permutation(len(everything))
    held = {everything[i][0]: everything[i][1] for i in order[:200]}
    return {everything[i][0]: everything[i][1] for i in order[200:]}, held


@pytest.fixture(scope="module")
def estimator(parts) -> ModuleEstimator:
    return fit_estimator(parts[0], np.random.default_rng(0))


def test_steps_are_learned(estimator, parts):
    held = parts[1]
    found = estimator.estimate(list(held))
    error = np.abs(found.ms / np.array(list(held.values())) - 1)
    assert error.mean() < 0.05
    assert list(estimator.families) == ["conv depthwise fp32 b1", "conv fp32 b1"]
    assert estimator.families["conv fp32 b1"].forest is not None
    assert estimator.families["conv depthwise fp32 b1"].forest is None


def test_intervals_cover_what_was_held_out(estimator, parts):
    held = parts[1]
    times = np.array(list(held.values()))
    for confidence in (0.5, 0.9):
        found = estimator.estimate(list(held), confidence)
        inside = ((found.lo_ms <= times) & (times <= found.hi_ms)).mean()
        assert confidence - 0.08 <= inside <= confidence + 0.12  # 200 modules: 3.5 % deviation
        assert (found.lo_ms < found.ms).all()
        assert (found.ms < found.hi_ms).all()


def test_the_familiar_and_the_unfamiliar(estimator, parts):
    assert estimator.estimate(list(parts[1])).in_distribution.mean() > 0.97
    strange = [conv(32, 32, 500), conv(32, 2048, 28), conv(32, 32, 28, kernel=11)]
    found = estimator.estimate(strange)
    assert not found.in_distribution.any()
    assert (found.hi_ms >= 1.99 * found.ms).all()
    assert (found.lo_ms > 0).all()
    assert found.ms[0] > estimator.estimate([conv(32, 32, 56)]).ms[0]


def test_families_that_were_not_measured_are_refused(estimator):
    grouped = conv(32, 32, 28, groups=2)
    assert not estimator.knows(grouped)
    with pytest.raises(UnprofiledModuleError):
        estimator.estimate([grouped])
    assert estimator.estimate([]).ms.shape == (0,)
    with pytest.raises(PredictorError, match="between 0 and 1"):
        estimator.estimate([conv(32, 32, 28)], 1.0)


def test_a_few_modules_are_enough_for_a_guess():
    few = {spec: true_ms(spec) for spec in depthwise()[::5]}
    assert len(few) == 12
    found = fit_estimator(few, np.random.default_rng(0)).estimate(depthwise())
    error = np.abs(found.ms / [true_ms(spec) for spec in depthwise()] - 1)
    assert np.median(error) < 0.3
    assert fit_estimator(dict(list(few.items())[:7]), np.random.default_rng(0)).families == {}


def test_equal_modules_and_lost_differences():
    one = conv(32, 32, 28)
    times = {conv(c, c, 28): 0.5 for c in range(32, 42)}
    found = fit_estimator({**times, one: -0.1}, np.random.default_rng(0))
    assert found.estimate([one]).ms == pytest.approx([0.5], rel=0.1)
    with pytest.raises(PredictorError, match="not finite"):
        fit_estimator({one: float("nan")}, np.random.default_rng(0))


def test_text_round_trip(estimator, parts):
    fields = estimator_to_fields(estimator)
    again = estimator_from_fields(fields)
    assert again == estimator
    assert estimator_to_fields(again) == fields
    specs = list(parts[1])
    assert np.array_equal(again.estimate(specs).hi_ms, estimator.estimate(specs).hi_ms)


def test_arrays_that_do_not_fit_are_refused(estimator):
    arrays = family_to_arrays(estimator.families["conv fp32 b1"])
    for change, message in (
        ({"order": np.array(3)}, "do not fit one another"),
        ({"trend.waves": np.zeros(3)}, "must hold 25 numbers, got 3"),
    ):
        with pytest.raises(PredictorError, match=message):
            family_from_arrays({**arrays, **change})


def test_networks_come_back_too(monkeypatch):
    monkeypatch.setattr(family, "MIN_FOR_NETWORKS", 100)
    monkeypatch.setattr(network, "HIDDEN", (16, 16))
    times = measured(grid()[::4], NOISE, np.random.default_rng(0))
    fitted = fit_estimator(times, np.random.default_rng(0))
    assert fitted.families["conv fp32 b1"].blend is not None
    again = estimator_from_fields(estimator_to_fields(fitted))
    assert again == fitted
    specs = grid()[1::4]
    assert np.array_equal(again.estimate(specs).ms, fitted.estimate(specs).ms)
    error = np.abs(fitted.estimate(specs).ms / [true_ms(spec) for spec in specs] - 1)
    assert np.median(error) < 0.1
    arrays = family_to_arrays(fitted.families["conv fp32 b1"])
    with pytest.raises(PredictorError, match="networks' array 'centre'"):
        family_from_arrays({**arrays, "blend.centre": np.full(3, np.nan)})


def test_few_modules_come_back_too():
    few = {spec: true_ms(spec) for spec in depthwise()[::5]}
    fitted = fit_estimator(few, np.random.default_rng(0))
    assert estimator_from_fields(estimator_to_fields(fitted)) == fitted


def test_least_squares_with_weights_find_least_percentages():
    log_ms = np.log(np.repeat([1.0, 3.0], [35, 65]))  # one shape, two tactics
    tried = np.linspace(-0.1, 1.2, 131)
    percentages = [np.abs(np.expm1(guess - log_ms)).mean() for guess in tried]
    guess = log_ms.mean()
    for _ in range(60):
        guess = np.average(log_ms, weights=_weights(log_ms - guess))
    assert guess == pytest.approx(tried[np.argmin(percentages)], abs=0.1)  # the faster


def test_damaged_text_is_refused_by_name(estimator):
    fields = estimator_to_fields(estimator)
    for change, message in (
        ({"schema": "detfit.module-estimator/9"}, "schema 'detfit.module-estimator/9'"),
        ({"npz": fields["npz"][:400] + "A" * 4 + fields["npz"][404:]}, "does not match"),
        ({"npz": "%"}, "estimator.npz"),
        ({"npz": 3}, "estimator.npz"),
        ({"families": ["conv fp32 b1", "x", "y"]}, "family 'y': the array 'names' is missing"),
    ):
        with pytest.raises(PredictorError, match=message):
            estimator_from_fields({**fields, **change})
    with pytest.raises(PredictorError, match="'npz' is missing"):
        estimator_from_fields({k: v for k, v in fields.items() if k != "npz"})
    with pytest.raises(PredictorError, match="schema None"):
        estimator_from_fields([])
