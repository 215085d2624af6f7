from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from latency import DETECTOR, make_agenda, plan_profile
from latency.joint import equation_of, fit_joint
from latency.profiling.active import EVERY, OPENING, Aim
from tests.latency.joint.made_up import Device
from tests.latency.profiling.chosen import SPACE, config_of, profiled


class _Short:
    """An agenda that ends early, as one out of time does."""

    def __init__(self, agenda, most: int) -> None:
        self._agenda, self._most = agenda, most

    def next(self, table):
        return self._agenda.next(table) if len(table.rows) < self._most else None

    def planned(self, table):
        return self._most


def _agenda(**changes):
    config = config_of(**changes)
    workloads, _ = plan_profile(SPACE, config)
    return make_agenda(SPACE, config, workloads)


def test_everything_is_measured_once_in_the_end(tmp_path):
    table = profiled(tmp_path / "t.jsonl")
    workloads, _ = plan_profile(SPACE, config_of())
    assert {row.workload.key for row in table.rows} == {work.key for work in workloads}
    assert len(table.rows) == len(workloads) == _agenda().planned(table)
    roles = [row.workload.role for row in table.rows]
    assert roles[:OPENING] == [DETECTOR] * OPENING
    assert roles[EVERY * 2] == DETECTOR


def test_a_profile_cut_short_and_resumed_chooses_the_same(tmp_path):
    whole = profiled(tmp_path / "whole.jsonl", _Short(_agenda(), 20))
    cut = profiled(tmp_path / "cut.jsonl", _Short(_agenda(), 9))
    on = profiled(tmp_path / "cut.jsonl", _Short(_agenda(), 20), resume=True)
    keys = [[row.visit for row in table.rows] for table in (whole, on)]
    assert keys[0] == keys[1]
    assert len(cut.rows) == 9


def test_detectors_near_a_budget_count_more():
    aim = Aim(tuple(equation_of(g.graph(), True) for g in _detectors(6)))
    costs = fit_on(aim)
    even = aim.weights(costs)
    assert np.allclose(even, 1 / 6)
    ms = costs.whole_ms([each.counts for each in aim.detectors])
    near = replace(aim, budget_ms=float(ms.max())).weights(costs)
    assert near.sum() == pytest.approx(1.0)
    assert near.argmax() == ms.argmax()
    assert np.allclose(replace(aim, budget_ms=1e9).weights(costs), 1 / 6)  # all equally far


def fit_on(aim: Aim):
    rng = np.random.default_rng(0)
    graphs = [each.graph() for each in _detectors(6)]
    return fit_joint([Device().measure(graph, True, rng) for graph in graphs])


def _detectors(count: int):
    rng = np.random.default_rng(3)
    return [SPACE.detector(SPACE.canonical(SPACE.sample(rng))) for _ in range(count)]
