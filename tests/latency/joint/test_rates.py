from __future__ import annotations

from dataclasses import replace

import numpy as np

from latency.joint.layer_work import FAMILIES, WORK, WorkBasis
from latency.joint.modules import modules_of
from latency.joint.rates import fit_rates
from searchspaces import KINDS
from tests.latency.joint.made_up import Device, measured, small_spaces


def test_rates_are_found_again_and_never_negative():
    rng = np.random.default_rng(0)
    known, aside = measured(Device(), small_spaces(), rng)
    basis = WorkBasis()
    modules = modules_of([*known, *aside], basis)
    true = rng.uniform(0.5, 2.0, (len(FAMILIES), WORK)) * [10.0, 0.05, 0.002]
    sums = modules.counts([each.counts for each in known]) @ modules.work @ true.ravel()
    exact = [replace(e, ms=float(ms) + 0.2) for e, ms in zip(known, sums, strict=True)]
    rates = fit_rates(exact, modules, basis)
    assert (rates.layers >= 0).all()
    asked = modules.counts([each.counts for each in aside]) @ modules.work
    ratio = (asked @ rates.layers.ravel() + rates.start_ms) / (asked @ true.ravel() + 0.2)
    assert np.abs(ratio - 1).max() < 0.02


def test_a_family_that_nothing_measured_gets_usual_rates():
    known, _ = measured(Device(), small_spaces()[1:], np.random.default_rng(0))
    basis = WorkBasis()
    rates = fit_rates(known, modules_of(known, basis), basis)
    assert FAMILIES.index("depthwise") not in modules_of(known, basis).families
    assert rates.layers[FAMILIES.index("depthwise"), 0] > 0


def test_every_kind_of_module_has_a_place():
    known, _ = measured(Device(), small_spaces(), np.random.default_rng(0))
    modules = modules_of(known, WorkBasis())
    assert modules.kinds.shape == (len(modules.specs), len(KINDS))
    assert (modules.kinds.sum(1) == 1).all()
    assert np.isfinite(modules.places).all()
    np.testing.assert_allclose(modules.work.sum(), (modules.repeats @ modules.layer_work).sum())
