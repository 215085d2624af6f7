from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from latency import plan_context
from latency.joint import (
    Equation,
    choose_measurements,
    equation_of,
    fit_joint,
    identifying_set,
    unmeasured,
)
from tests.latency.joint.made_up import Device, graphs_of, measured, small_spaces


@pytest.fixture(scope="module")
def scene():
    known, aside = measured(Device(), small_spaces(), np.random.default_rng(0), chains=30)
    return fit_joint(known[::3]), [e for i, e in enumerate(known) if i % 3], aside


def _doubt(costs, targets) -> float:
    counts = [each.counts for each in targets]
    noise = costs.spread.whole_noise * costs.whole_ms(counts)
    variance = np.square(costs.whole_sd_ms(counts)) - np.square(noise)
    scale = np.array([each.ms for each in targets])
    return float(np.mean(variance / np.square(scale)))


def test_the_first_choice_is_the_best_of_all(scene):
    costs, candidates, targets = scene
    seconds, weights = np.ones(len(candidates)), np.full(len(targets), 1 / len(targets))
    first = choose_measurements(costs, candidates, seconds, targets, weights, 1)[0]
    left = [
        _doubt(replace(costs, equations=(*costs.equations, each)), targets) for each in candidates
    ]
    order = np.argsort(left)
    assert first in order[:3]  # scales differ: by the trend there, by the measured time here


def test_chosen_ones_teach_more_than_random_ones(scene):
    costs, candidates, targets = scene
    seconds, weights = np.ones(len(candidates)), np.full(len(targets), 1 / len(targets))
    chosen = choose_measurements(costs, candidates, seconds, targets, weights, 6)

    def after(indices) -> float:
        more = tuple(candidates[index] for index in indices)
        return _doubt(replace(costs, equations=(*costs.equations, *more)), targets)

    rng = np.random.default_rng(5)
    random = [after(rng.permutation(len(candidates))[:6]) for _ in range(8)]
    assert after(chosen) < np.median(random)


def test_long_measurements_must_teach_more(scene):
    costs, candidates, targets = scene
    weights = np.full(len(targets), 1 / len(targets))
    ones = np.ones(len(candidates))
    first = choose_measurements(costs, candidates, ones, targets, weights, 1)[0]
    dear = ones.copy()
    dear[first] = 1e6
    assert choose_measurements(costs, candidates, dear, targets, weights, 1)[0] != first


def test_the_cheapest_set_leaves_nothing_unsure_that_all_would_tell():
    rng = np.random.default_rng(1)
    space = small_spaces()[0]
    parts = plan_context(graphs_of(space, 3, rng)).workloads
    candidates = [equation_of(part.graph, whole=False) for part in parts]
    specs = dict.fromkeys(spec for each in candidates for spec in each.counts)
    modules = [Equation({spec: 1}, 1.0, whole=False) for spec in specs]
    known, seconds = unmeasured(), np.ones(len(candidates))
    doubts = np.full(len(modules), 0.05)
    chosen = identifying_set(known, candidates, seconds, modules, doubts)
    assert len(set(chosen)) == len(chosen) < len(candidates)
    assert identifying_set(known, candidates, seconds, modules, np.full(len(modules), 9.0)) == []
    dear = seconds.copy()
    dear[chosen[0]] = 1e6
    again = identifying_set(known, candidates, dear, modules, doubts)
    assert not again or again[0] != chosen[0]
