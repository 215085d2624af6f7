from __future__ import annotations

import numpy as np
import pytest

from latency import Closure, PredictorError


def test_margin_is_the_conformal_rank():
    residuals = (-0.09, -0.02, 0.01, 0.03, 0.05, 0.06, 0.07, 0.08, 0.1)
    closure = Closure("identity", 1.0, 0.0, residuals, len(residuals))
    assert closure.margin(0.9) == 0.1  # ceil(10 * 0.9) = 9th smallest of 9
    assert closure.margin(0.5) == 0.06  # ceil(10 * 0.5) = 5th smallest absolute value
    assert closure.upper_margin(0.5) == 0.05
    with pytest.raises(PredictorError, match="between 0 and 1"):
        closure.margin(1.0)


def test_a_sum_is_corrected_by_scale_and_offset():
    closure = Closure("affine", 2.0, 0.5, (-0.1, 0.1), 2)
    assert closure.apply(np.array([1.0, 3.0])).tolist() == [2.5, 6.5]
    assert closure.max_confidence == pytest.approx(2 / 3)
