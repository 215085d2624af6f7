from __future__ import annotations

from dataclasses import replace

import numpy as np

from latency.joint import KnownBasis, fit_joint
from tests.latency.joint.made_up import Device, measured, small_spaces


def test_what_modules_take_there_holds_for_their_likes_in_another_precision():
    known, _ = measured(Device(), small_spaces()[:1], np.random.default_rng(0))
    basis = KnownBasis(fit_joint(known))
    specs = list(dict.fromkeys(spec for equation in known for spec in equation.counts))
    factors = basis.factors(specs)
    assert np.ptp(factors) > 0.01
    halved = basis.factors([replace(spec, dtype="fp16") for spec in specs])
    np.testing.assert_array_equal(halved, factors)
