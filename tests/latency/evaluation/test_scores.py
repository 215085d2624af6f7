from __future__ import annotations

import numpy as np
import pytest

from latency import PredictorError, score


def test_scores_have_closed_forms():
    measured = np.array([10.0, 20.0, 40.0, 80.0])
    scores = score(measured * [1.04, 0.92, 1.0, 1.2], measured)
    assert scores.mape == pytest.approx(8.0)
    assert (scores.within_5pct, scores.within_10pct, scores.kendall_tau) == (0.5, 0.75, 1.0)
    assert score(measured[::-1], measured).kendall_tau == -1.0
    assert np.isnan(score(measured[:1], measured[:1]).kendall_tau)
    with pytest.raises(PredictorError, match="cannot compare"):
        score(measured[:2], measured)
    with pytest.raises(PredictorError, match="cannot compare"):
        score(measured[:0], measured[:0])
