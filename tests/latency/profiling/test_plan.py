from __future__ import annotations

from latency import ProfileConfig, evaluate, fit, plan_profile, sample_distinct
from searchspaces import make_space
from tests.latency.oracle import QUICK
from tests.latency.profiling.chosen import profiled


def test_tails_first_then_chains_and_detectors_alternate(space):
    workloads, _ = plan_profile(space, ProfileConfig(protocol=QUICK, detectors=8))
    roles = [w.role for w in workloads]
    assert all("tail" in w.label for w in workloads[:3])
    third = len(roles) // 3
    for part in (roles[:third], roles[third : 2 * third], roles[2 * third :]):
        assert 2 <= part.count("detector") <= 4


def test_sample_distinct_is_bounded_by_the_space(rng):
    space = make_space("detnas-nano")
    assert len(set(sample_distinct(space, 300, rng))) == 300
    assert sample_distinct(space, 0, rng) == ()


def test_the_cheapest_chains_tell_what_modules_cost(tmp_path):
    tables = [
        profiled(tmp_path / f"{every}.jsonl", active=False, all_chains=every)
        for every in (True, False)
    ]
    assert len(tables[1].rows) < len(tables[0].rows)
    whole, cheap = (fit(table) for table in tables)
    held = profiled(tmp_path / "held.jsonl", modules=False, detectors=12, seed=9)
    assert evaluate(cheap, held).scores.mape < evaluate(whole, held).scores.mape + 0.5
