"""Active choice against brute force and against random choice."""

import itertools

import numpy as np
import pytest

from latency import PredictorError, choose_next, fit_estimator
from latency.estimator.active import _greedy
from tests.latency.estimator.device import depthwise, grid, measured, true_ms


def test_lazy_greedy_equals_plain_greedy():
    rng = np.random.default_rng(0)
    places = rng.normal(size=(40, 2))
    alike = np.exp(-np.linalg.norm(places[:, None] - places[None], axis=2))
    doubt, covered = rng.random(40), rng.random(40) * 0.2
    order, gains = _greedy(alike, covered, doubt, 10)
    for index, gain in zip(order, gains, strict=True):
        each = doubt @ np.maximum(alike - covered[:, None], 0)
        assert index == int(np.argmax(each))
        assert gain == pytest.approx(each[index])
        covered = np.maximum(covered, alike[:, index])


def test_what_is_chosen_is_new_and_distinct():
    rng = np.random.default_rng(0)
    candidates = [*grid(), *depthwise()]
    first = choose_next(candidates, {}, 60, rng)
    known = {spec: true_ms(spec) for spec in first}
    second = choose_next(candidates, known, 60, rng)
    assert len({*first, *second}) == 120
    assert any(spec.get_int("groups") > 1 for spec in first)


def test_few_candidates_are_all_chosen():
    rng = np.random.default_rng(0)
    five = depthwise()[:5]
    assert set(choose_next([*five, *five], {}, 9, rng)) == set(five)
    assert choose_next(five, dict.fromkeys(five, 1.0), 9, rng) == ()
    assert choose_next([], {}, 3, rng) == ()
    with pytest.raises(PredictorError, match="at least 1"):
        choose_next(five, {}, 0, rng)


def test_the_same_seed_chooses_the_same():
    chosen = [choose_next(grid(), {}, 20, np.random.default_rng(3)) for _ in range(2)]
    assert chosen[0] == chosen[1]


def test_chosen_modules_teach_more_than_random_ones():
    times = measured(grid(), 0.01, np.random.default_rng(0))
    errors = {"chosen": [], "random": []}
    for seed in range(3):
        rng = np.random.default_rng(seed)
        chosen = {spec: times[spec] for spec in choose_next(list(times), {}, 45, rng)}
        chosen |= {spec: times[spec] for spec in choose_next(list(times), chosen, 45, rng)}
        drawn = rng.permutation(len(times))[:90]
        random = {
            spec: times[spec]
            for spec in itertools.compress(times, np.isin(range(len(times)), drawn))
        }
        for name, known in (("chosen", chosen), ("random", random)):
            assert len(known) == 90
            found = fit_estimator(known, rng).estimate(list(times))
            errors[name].append(np.abs(found.ms / np.array(list(times.values())) - 1).mean())
    assert np.mean(errors["chosen"]) < 0.95 * np.mean(errors["random"])
