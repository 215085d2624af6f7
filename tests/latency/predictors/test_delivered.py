from __future__ import annotations

import math

import pytest
from hypothesis import given, strategies as st

from latency.predictors.delivered import FACTOR_SD, LEAST_SPREAD, delivered_factor

Ratios = st.lists(st.floats(0.5, 2.0), min_size=1, max_size=8)


def factor(*ratios: float, spread: float = LEAST_SPREAD):
    predicted = {str(number): 10.0 + number for number in range(len(ratios))}
    measured = {key: ratio * predicted[key] for key, ratio in zip(predicted, ratios, strict=True)}
    return delivered_factor(measured, {**predicted, "another": 1.0}, spread)


def test_nothing_delivered_changes_nothing():
    found = factor()
    assert (found.factor, dict(found.without)) == (1.0, {})


def test_one_engine_that_stands_out_moves_all_predictions_to_it():
    found = factor(1.3)
    assert found.factor == pytest.approx(1.3, rel=1e-3)
    assert found.without == {"0": 1.0}  # nothing else says so


def test_it_is_shrunk_by_what_detectors_scatter_anyway():
    """The mean of a normal distribution with known spreads (Gelman et al., equation 2.12)."""
    for spread in (0.05, 0.2, 1.0):
        precision = 1 / FACTOR_SD**2, 2 / spread**2
        expected = precision[1] / sum(precision) * math.log(1.2)
        assert math.log(factor(1.2, 1.2, spread=spread).factor) == pytest.approx(expected)


@given(Ratios, st.floats(0.0, 0.5))
def test_the_factor_lies_between_one_and_the_engines(ratios, spread):
    found = factor(*ratios, spread=spread)
    assert min(1.0, *ratios) - 1e-9 <= found.factor <= max(1.0, *ratios) + 1e-9
    for key in found.without:
        others = [ratio for number, ratio in enumerate(ratios) if str(number) != key]
        assert found.without[key] == pytest.approx(factor(*others, spread=spread).factor)
