from __future__ import annotations

import json
from dataclasses import astuple, replace

import numpy as np
import pytest

from latency import PredictorError
from latency.conformal import conformal_quantile
from latency.joint import (
    Equation,
    JointCosts,
    Spread,
    fit_joint,
    fit_like,
    joint_from_fields,
    joint_to_fields,
)
from latency.joint.covariance import (
    FAMILY,
    KIND,
    module_variances,
    start_doubt_ms,
    terms_of,
)
from latency.joint.layer_work import family_of, place_of, work_of
from latency.joint.modules import Modules
from latency.simulated import split
from tests.latency.joint.made_up import Device, graphs_of, measured, small_spaces


@pytest.fixture(scope="module")
def fitted() -> tuple[JointCosts, list[Equation]]:
    known, aside = measured(Device(), small_spaces(), np.random.default_rng(0))
    return fit_joint(known), aside


def test_detectors_kept_aside_are_predicted_and_the_doubt_is_right(fitted):
    costs, aside = fitted
    times = np.array([each.ms for each in aside])
    errors = costs.whole_ms([each.counts for each in aside]) / times - 1
    assert np.abs(errors).mean() < 0.02
    doubt = costs.whole_sd_ms([each.counts for each in aside]) / times
    assert 0.5 < np.sqrt(np.mean(np.square(errors / doubt))) < 2.0


def test_left_out_predictions_are_those_of_a_fit_without(fitted):
    costs, _ = fitted
    times, predicted, sds = costs.left_out()
    wholes = [index for index, each in enumerate(costs.equations) if each.whole]
    for place in (0, 5, len(wholes) - 1):
        out = costs.equations[wholes[place]]
        others = tuple(e for i, e in enumerate(costs.equations) if i != wholes[place])
        without = replace(costs, equations=others)
        assert times[place] == out.ms
        assert without.whole_ms([out.counts])[0] == pytest.approx(predicted[place], rel=1e-6)
        assert without.whole_sd_ms([out.counts])[0] == pytest.approx(sds[place], rel=0.02)


def test_posterior_is_the_textbook_one():
    """Against a process written out module by module, layer by layer."""
    known, aside = measured(Device(), small_spaces()[:1], np.random.default_rng(1), chains=6)
    spread = Spread(0.2, 3.0, 0.1, 0.03, 0.05, 0.02, 0.01)
    costs = fit_joint(known[:10], spread)
    costs = replace(costs, equations=tuple(replace(e, doubt=1.0) for e in costs.equations))
    graphs = [*costs.equations, *aside[:3]]
    mean = np.array([_trend_ms(costs, each) for each in graphs])
    prior = np.array([[_covariance(costs, a, b) for b in graphs] for a in graphs])
    n = len(costs.equations)
    noise = [(spread.whole_noise if e.whole else spread.part_noise) * e.ms for e in graphs[:n]]
    inner = prior[:n, :n] + np.diag(np.square(noise))
    ms = np.array([each.ms for each in graphs])
    expected = mean[n:] + prior[n:, :n] @ np.linalg.solve(inner, ms[:n] - mean[:n])
    left = prior[n:, n:] - prior[n:, :n] @ np.linalg.solve(inner, prior[:n, n:])
    asked = [each.counts for each in aside[:3]]
    found = costs.whole_ms(asked)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    sd = np.sqrt(np.diag(left) + np.square(spread.whole_noise * found))
    np.testing.assert_allclose(costs.whole_sd_ms(asked), sd, rtol=1e-6)


def _layers(costs: JointCosts, each: Equation) -> list[tuple[int, np.ndarray, float]]:
    return [
        (family_of(x), place_of(x), n * float(work_of(x) @ costs.rates.layers[family_of(x)]))
        for spec, n in each.counts.items()
        for x in split(spec)
    ]


def _trend_ms(costs: JointCosts, each: Equation) -> float:
    layers = sum(ms for _, _, ms in _layers(costs, each))
    return layers + costs.rates.start_ms + costs.rates.border_ms * each.border / 1e6


def _covariance(costs: JointCosts, a: Equation, b: Equation) -> float:
    spread, total = costs.spread, start_doubt_ms(costs.rates) ** 2
    for family, place, ms in _layers(costs, a):
        for other, there, also in _layers(costs, b):
            if family == other:
                near = np.exp(-np.linalg.norm(place - there) / spread.reach)
                total += ms * also * (FAMILY**2 + spread.layer**2 * near)
    mine, theirs = ({s: _module_ms(costs, s) * n for s, n in e.counts.items()} for e in (a, b))
    for spec, ms in mine.items():
        for other_spec, also in theirs.items():
            total += KIND**2 * ms * also * (spec.kind == other_spec.kind)
            total += spread.module**2 * ms * also * (spec == other_spec)
    if a.whole and b.whole:
        total += spread.whole**2 * _trend_ms(costs, a) * _trend_ms(costs, b)
    if a.ends == b.ends:
        total += spread.border_ms**2 * a.border * b.border / 1e12
    return total


def _module_ms(costs: JointCosts, spec) -> float:
    return sum(float(work_of(x) @ costs.rates.layers[family_of(x)]) for x in split(spec))


def test_a_disturbed_measurement_does_not_spoil_the_others():
    known, aside = measured(Device(), small_spaces(), np.random.default_rng(2))
    times = np.array([each.ms for each in aside])
    place = next(index for index, each in enumerate(known) if not each.whole)
    known[place] = replace(known[place], ms=3 * known[place].ms)
    costs = fit_joint(known)
    assert costs.equations[place].doubt > 2
    errors = costs.whole_ms([each.counts for each in aside]) / times - 1
    assert np.abs(errors).mean() < 0.02


def test_what_nothing_measured_is_estimated_and_doubted(fitted):
    costs, _ = fitted
    spaces = small_spaces()
    rng = np.random.default_rng(7)
    seen = [spec for graph in graphs_of(spaces[1], 6, rng) for spec in graph.counts()]
    foreign = graphs_of(spaces[1], 1, rng)[0].counts()
    alone = fit_joint([each for each in costs.equations if not set(each.counts) & set(seen)])
    assert not any(alone.measured(spec) for spec in foreign)
    ours, theirs = (c.whole_sd_ms([foreign])[0] / c.whole_ms([foreign])[0] for c in (costs, alone))
    assert theirs > 4 * ours
    parts = alone.modules(list(foreign))
    assert all(part.ms >= 0 for part in parts)
    assert not all(part.is_familiar for part in parts)


def test_another_device_needs_few_measurements():
    rng = np.random.default_rng(3)
    known, _ = measured(Device(), small_spaces(), rng)
    source = fit_joint(known)
    graphs = [graph for space in small_spaces() for graph in graphs_of(space, 10, rng)]
    slower = [Device().measure(graph, True, rng) for graph in graphs]
    slower = [replace(each, ms=2.5 * each.ms) for each in slower]
    moved, rest = fit_like(slower[::5], source), [e for i, e in enumerate(slower) if i % 5]
    errors = moved.whole_ms([e.counts for e in rest]) / np.array([e.ms for e in rest]) - 1
    assert np.abs(errors).mean() < 0.03
    again = joint_from_fields(json.loads(json.dumps(joint_to_fields(moved))))
    asked = [each.counts for each in rest]
    np.testing.assert_allclose(again.whole_ms(asked), moved.whole_ms(asked), rtol=1e-9)


def test_text_round_trip_and_damage(fitted):
    costs, aside = fitted
    fields = json.loads(json.dumps(joint_to_fields(costs)))
    again = joint_from_fields(fields)
    assert again == costs
    assert again.equations == costs.equations
    asked = [each.counts for each in aside]
    assert np.array_equal(again.whole_ms(asked), costs.whole_ms(asked))
    assert astuple(again.spread) == astuple(costs.spread)
    for change, message in (
        ({"equations": []}, "no equations"),
        ({"modules": []}, "positive and of its 0 modules"),
        ({"spread": {}}, "lack 'layer'"),
        ({"rates": {**fields["rates"], "start_ms": None}}, "start"),
    ):
        with pytest.raises(PredictorError, match=message):
            joint_from_fields(fields | change)
    bad = fields["equations"][0] | {"ms": -1}
    with pytest.raises(PredictorError, match="ms must be a number above 0"):
        joint_from_fields(fields | {"equations": [bad]})


def test_nothing_measured_is_refused():
    with pytest.raises(PredictorError, match="nothing measured"):
        fit_joint([])
    with pytest.raises(PredictorError, match="positive and finite"):
        Equation({}, 0.0, True)
    with pytest.raises(PredictorError, match="at least one module"):
        Equation({}, 1.0, True)


def test_intervals_hold_for_detectors_kept_aside():
    """Conformal quantiles of left-out residuals, 90 %, over devices of different costs."""
    inside = []
    for seed in range(4):
        known, aside = measured(Device(0.05 + 0.05 * seed), small_spaces(), _rng(seed))
        costs = fit_joint(known)
        times, predicted, sd = costs.left_out()
        width = conformal_quantile(np.sort(np.abs(times - predicted) / sd), 0.9)
        asked = [each.counts for each in aside]
        off = np.abs(costs.whole_ms(asked) - [each.ms for each in aside])
        inside += (off <= width * costs.whole_sd_ms(asked)).tolist()
    assert 0.78 <= np.mean(inside) <= 1.0  # 48 detectors: fewer is 1 in 200 at 90 %


def test_numbers_that_give_no_covariance_are_refused(fitted):
    costs, aside = fitted
    absurd = replace(costs.rates, layers=costs.rates.layers + 1e12)
    broken = replace(costs, rates=absurd, spread=replace(costs.spread, part_noise=5e-4))
    with pytest.raises(PredictorError, match="fit the table again"):
        broken.whole_ms([aside[0].counts])


def test_many_modules_at_once_are_each_as_alone(fitted):
    """Against one after the other, as equations 2.25 and 2.26 state them."""
    costs, aside = fitted
    specs = list(dict.fromkeys(spec for each in aside for spec in each.counts))
    assert any(costs.measured(spec) for spec in specs)
    together = replace(costs).modules(specs)
    for spec, part in zip(specs, together, strict=True):
        alone = Modules([spec], costs.basis)
        terms = terms_of([], alone, costs.rates)
        (prior,) = module_variances(alone, terms, costs.spread)
        white = costs._whitening @ part.link
        expected = max(0.0, terms.module_ms[0] + part.link @ costs._weights)
        assert part.ms == pytest.approx(expected, rel=1e-12)
        assert part.sd_ms**2 == pytest.approx(prior - white @ white, rel=1e-9, abs=1e-12 * prior)
        (single,) = replace(costs).modules([spec])
        assert single.ms == pytest.approx(part.ms, rel=1e-12)
        np.testing.assert_allclose(single.link, part.link, rtol=1e-9, atol=1e-15)


def test_milliseconds_do_not_depend_on_whether_doubts_are_asked_for(fitted):
    costs, aside = fitted
    specs = list(dict.fromkeys(spec for each in aside for spec in each.counts))
    quick, thorough = replace(costs), replace(costs)
    ms = quick.modules_ms(specs)
    assert ms.tolist() == [part.ms for part in thorough.modules(specs)]
    assert [part.ms for part in quick.modules(specs[::-1])] == ms.tolist()[::-1]
    assert quick.modules_ms(specs[:3]).tolist() == ms.tolist()[:3]
    assert quick.modules_ms([]).shape == (0,)
    asked = [each.counts for each in aside]
    known = dict(zip(specs, ms.tolist(), strict=True))
    sums = [sum(known[spec] * n for spec, n in counts.items()) for counts in asked]
    assert quick.whole_ms(asked).tolist() == [costs.start_ms + each for each in sums]


def _rng(seed: int) -> np.random.Generator:
    return np.random.default_rng([9, seed])
