"""How two scores of the same architectures agree in their order."""

import math

import numpy as np

from search import rank_agreement


def test_the_interval_of_a_simulated_tau_holds() -> None:
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(400):  # a bivariate normal of correlation r has the tau 2/pi arcsin(r)
        pairs = rng.multivariate_normal((0, 0), ((1, 0.8), (0.8, 1)), 12)
        found = rank_agreement("ap", pairs[:, 0].tolist(), pairs[:, 1].tolist())
        assert found is not None
        low, high = found.interval
        inside += low <= 2 / math.pi * math.asin(0.8) <= high
    assert inside / 400 >= 0.92


def test_few_or_equal_scores_have_no_order() -> None:
    assert rank_agreement("ap", [1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]) is None
    assert rank_agreement("ap", [1.0] * 6, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]) is None


def test_an_order_is_trusted_only_where_it_is_confirmed() -> None:
    same = [float(n) for n in range(8)]
    good = rank_agreement("ap", same, same)
    assert good is not None
    assert good.trusted
    assert good.warning is None
    assert good.interval[0] > 0.9
    bad = rank_agreement("ap", same, [3.0, 1.0, 7.0, 0.0, 5.0, 2.0, 6.0, 4.0])
    assert bad is not None
    assert not bad.trusted
    assert "not to be trusted" in (bad.warning or "")
    few = rank_agreement("ap", same[:5], [1.0, 0.0, 2.0, 4.0, 3.0])
    assert few is not None
    assert few.kendall_tau >= few.threshold
    assert not few.trusted  # five anchors do not tell it from chance
    assert few.to_dict()["trusted"] is False
