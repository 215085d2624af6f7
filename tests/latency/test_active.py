from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engines import FakeBackend
from latency import (
    DETECTOR,
    PredictorError,
    ProfileConfig,
    ProfileError,
    describe_transfer,
    evaluate,
    fit,
    load_predictor,
    make_agenda,
    open_source,
    plan_profile,
    profile,
    save_predictor,
    transfer,
    transfer_agenda,
)
from latency.active import EVERY, OPENING, Aim
from latency.joint import equation_of
from searchspaces import make_space
from tests.latency.joint.made_up import START_MS, Device
from tests.latency.oracle import OPTIONS, QUICK

SPACE = make_space("detnas-nano", **OPTIONS)


def _backend(factor: float = 1.0) -> FakeBackend:
    device = Device()

    def latency_ms(model) -> float:
        counts = model.graph.counts().items()
        return factor * sum(device.cost_ms(spec) * n for spec, n in counts) + START_MS

    return FakeBackend(latency_ms=latency_ms, device_name=f"made up x{factor}")


def _config(**changes) -> ProfileConfig:
    base = {"protocol": QUICK, "replicates": 1, "detectors": 8, "active": True, "input_sets": 0}
    return ProfileConfig(**base | changes)


def _profile(path, agenda=None, backend=None, resume=False, **changes):
    config = _config(**changes)
    return profile(
        SPACE,
        backend or _backend(),
        config,
        path,
        space_options=OPTIONS,
        agenda=agenda,
        resume=resume,
    )


class _Short:
    """An agenda that ends early, as one out of time does."""

    def __init__(self, agenda, most: int) -> None:
        self._agenda, self._most = agenda, most

    def next(self, table):
        return self._agenda.next(table) if len(table.rows) < self._most else None

    def planned(self, table):
        return self._most


def _agenda(**changes):
    config = _config(**changes)
    workloads, _ = plan_profile(SPACE, config)
    return make_agenda(SPACE, config, workloads)


def test_everything_is_measured_once_in_the_end(tmp_path):
    table = _profile(tmp_path / "t.jsonl")
    workloads, _ = plan_profile(SPACE, _config())
    assert {row.workload.key for row in table.rows} == {work.key for work in workloads}
    assert len(table.rows) == len(workloads) == _agenda().planned(table)
    roles = [row.workload.role for row in table.rows]
    assert roles[:OPENING] == [DETECTOR] * OPENING
    assert roles[EVERY * 2] == DETECTOR


def test_a_profile_cut_short_and_resumed_chooses_the_same(tmp_path):
    whole = _profile(tmp_path / "whole.jsonl", _Short(_agenda(), 20))
    cut = _profile(tmp_path / "cut.jsonl", _Short(_agenda(), 9))
    on = _profile(tmp_path / "cut.jsonl", _Short(_agenda(), 20), resume=True)
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
    from latency.joint import fit_joint

    rng = np.random.default_rng(0)
    graphs = [each.graph() for each in _detectors(6)]
    return fit_joint([Device().measure(graph, True, rng) for graph in graphs])


def _detectors(count: int):
    rng = np.random.default_rng(3)
    return [SPACE.detector(SPACE.canonical(SPACE.sample(rng))) for _ in range(count)]


def test_few_samples_bring_a_predictor_to_another_device(tmp_path):
    source = fit(_profile(tmp_path / "source.jsonl", active=False))
    agenda = transfer_agenda(source, [SPACE], 8, QUICK)
    table = _profile(tmp_path / "new.jsonl", agenda, _backend(3.0), modules=False, detectors=1)
    assert len(table.rows) == 8
    moved = fit(table, source=source)
    held = _profile(
        tmp_path / "held.jsonl", backend=_backend(3.0), modules=False, detectors=12, seed=9
    )
    assert evaluate(moved, held).scores.mape < 1.0
    alone = evaluate(fit(table), held).scores.mape
    assert evaluate(moved, held).scores.mape < alone
    with pytest.raises(ProfileError, match="samples must be at least 5"):
        transfer_agenda(source, [SPACE], 2, QUICK)
    with pytest.raises(PredictorError, match="modules alone"):
        transfer_agenda(replace(source, joint=None), [SPACE], 8, QUICK)


def test_transfer_measures_and_fits(tmp_path):
    source = fit(_profile(tmp_path / "source.jsonl", active=False))
    moved, table = transfer(source, _backend(3.0), tmp_path / "new.jsonl", 8, exploratory=True)
    assert len(table.rows) == len(table.detectors()) == 8
    assert moved.manifest.device.name == "made up x3.0"
    fields = describe_transfer(source, moved, table)
    assert (fields["samples"], fields["failures"]) == (8, [])
    save_predictor(tmp_path / "p.json", moved)
    again = open_source(str(tmp_path / "p.json"), "fp32")
    arch = SPACE.decode("0123012301")
    detector = SPACE.detector(arch)
    assert again.predict(detector).p50_ms == pytest.approx(moved.predict(detector).p50_ms)


def test_a_simulated_device_says_what_few_measurements_do_not(tmp_path):
    source = open_source("simulated:V100", "fp32")  # what the made-up device is made of
    held = _profile(tmp_path / "held.jsonl", modules=False, detectors=12, seed=9)
    errors = []
    for seed in range(5):
        few = _profile(tmp_path / f"{seed}.jsonl", modules=False, detectors=4, seed=seed)
        helped = fit(few, source=source)
        errors.append([evaluate(p, held).scores.mape for p in (helped, fit(few))])
    helped_mape, alone_mape = np.mean(errors, axis=0)
    assert helped_mape < alone_mape
    save_predictor(tmp_path / "p.json", helped)
    assert load_predictor(tmp_path / "p.json") == helped


def test_the_cheapest_chains_tell_what_modules_cost(tmp_path):
    tables = [
        _profile(tmp_path / f"{every}.jsonl", active=False, all_chains=every)
        for every in (True, False)
    ]
    assert len(tables[1].rows) < len(tables[0].rows)
    whole, cheap = (fit(table) for table in tables)
    held = _profile(tmp_path / "held.jsonl", modules=False, detectors=12, seed=9)
    assert evaluate(cheap, held).scores.mape < evaluate(whole, held).scores.mape + 0.5
