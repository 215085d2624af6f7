"""A simulated device as a first guess of a measured one."""

import numpy as np
import pytest

from latency import PredictorError, Prior, fit_estimator, make_simulated
from latency.estimator import estimator_from_fields, estimator_to_fields, family
from latency.estimator.family_arrays import family_from_arrays, family_to_arrays
from tests.latency.estimator.device import conv, grid

PRIOR = Prior("T4:tensorrt", "fp32")


def three_times_slower(specs):
    return 3.0 * make_simulated("T4:tensorrt").modules_ms(specs)


@pytest.fixture(scope="module")
def known():
    specs = grid()[::40]
    return dict(zip(specs, three_times_slower(specs), strict=True))


def test_few_modules_say_how_much_slower_a_device_is(known):
    asked = grid()[5::40]
    errors = []
    for prior in (PRIOR, None):
        found = fit_estimator(known, np.random.default_rng(0), prior)
        assert found.prior == prior
        errors.append(np.abs(found.estimate(asked).ms / three_times_slower(asked) - 1).mean())
    assert errors[0] < 0.01
    assert errors[1] > 0.1


def test_text_round_trip(known):
    fitted = fit_estimator(known, np.random.default_rng(0), PRIOR)
    again = estimator_from_fields(estimator_to_fields(fitted))
    assert again.prior == PRIOR
    asked = grid()[5::40]
    assert np.array_equal(again.estimate(asked).hi_ms, fitted.estimate(asked).hi_ms)


@pytest.mark.parametrize(
    ("value", "message"),
    [(["T4"], "must hold a device, a precision and a spec"), (["P100", "fp32"], "'P100'")],
)
def test_damage_is_refused(known, value, message):
    (only,) = fit_estimator(known, np.random.default_rng(0), PRIOR).families.values()
    arrays = {**family_to_arrays(only), "trend.prior": np.array(value)}
    with pytest.raises(PredictorError, match=message):
        family_from_arrays(arrays)


def test_unknown_devices_are_refused_at_once():
    with pytest.raises(PredictorError, match="'P100'"):
        Prior("P100", "fp32")
    with pytest.raises(PredictorError, match="bf16"):
        Prior("V100", "bf16")


def test_what_a_runtime_absorbs_has_a_logarithm_too(monkeypatch):
    from latency.simulated.predictor import SimulatedPredictor

    monkeypatch.setattr(SimulatedPredictor, "module_ms", lambda self, spec: 0.0)
    assert np.isfinite(PRIOR.log_ms([conv(8, 8, 7)])).all()


def test_many_modules_do_without(known, monkeypatch):
    monkeypatch.setattr(family, "MAX_FOR_PRIOR", len(known))
    assert fit_estimator(known, np.random.default_rng(0), PRIOR).prior is None
