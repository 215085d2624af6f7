from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from latency import PredictorError
from latency.conformal import conformal_quantile

Scores = st.lists(st.floats(0, 1e6), min_size=1, max_size=40)


@given(Scores, st.floats(0.01, 0.99))
def test_it_is_the_smallest_score_that_enough_others_do_not_exceed(scores, confidence):
    wanted = math.ceil((len(scores) + 1) * confidence)
    enough = [s for s in scores if sum(other <= s for other in scores) >= wanted]
    expected = min(enough) if enough else max(scores)
    assert conformal_quantile(np.sort(scores), confidence) == expected


def test_a_new_score_is_no_larger_as_often_as_said(rng):
    drawn = rng.normal(size=(4000, 20))
    inside = [row[-1] <= conformal_quantile(np.sort(row[:-1]), 0.8) for row in drawn]
    assert np.mean(inside) == pytest.approx(0.8, abs=0.03)  # exactly 16 / 20


@pytest.mark.parametrize("confidence", [0.0, 1.0, -1.0, float("nan")])
def test_what_is_no_confidence_is_refused(confidence):
    with pytest.raises(PredictorError, match="confidence must lie between 0 and 1"):
        conformal_quantile(np.array([1.0]), confidence)
