"""What the check of two rungs says."""

import json

import numpy as np
import pytest
from scipy.stats import kendalltau

from search.fidelity.rank_check import Pair, rank_check
from search.ranking import rank_agreement


def test_without_a_choice_it_is_the_usual_agreement() -> None:
    rng = np.random.default_rng(0)
    lower = rng.normal(size=30)
    upper = lower + rng.normal(size=30)
    pairs = [Pair(a, b, chosen=True) for a, b in zip(lower, upper, strict=True)]
    check = rank_check("ap", pairs, (0.1, 1.0), 0.1, 0.5)
    agreement = rank_agreement("ap", list(lower), list(upper))
    assert check is not None
    assert agreement is not None
    assert check.kendall_tau == pytest.approx(agreement.kendall_tau)
    assert check.kendall_tau == pytest.approx(kendalltau(lower, upper).statistic)
    assert check.interval == pytest.approx(agreement.interval)
    assert (check.pairs, check.audited, check.effective) == (30, 0, pytest.approx(30.0))


def test_audited_candidates_count_for_those_that_stayed() -> None:
    agreeing = [Pair(float(i), float(i), chosen=True) for i in range(20)]
    turned = [Pair(-float(i), float(i), chosen=False) for i in range(1, 9)]
    check = rank_check("ap", [*agreeing, *turned], (0.1, 0.3), 0.1, 0.5)
    blind = rank_check("ap", [*agreeing, *turned], (0.1, 0.3), 1.0, 0.5)
    assert check is not None
    assert blind is not None
    assert check.kendall_tau < 0 < blind.kendall_tau
    assert check.audited == 8
    assert check.effective == pytest.approx(100**2 / (20 + 800))
    assert not check.trusted
    assert check.warning is not None
    assert check.warning.startswith("28 candidates, 8 of them sent on by the audit, rank at 0.1")
    plain = json.loads(json.dumps(check.to_dict(), allow_nan=False))
    assert plain["warning"] == check.warning


def test_few_candidates_tell_nothing() -> None:
    pairs = [Pair(float(i), float(i), chosen=True) for i in range(4)]
    assert rank_check("ap", pairs, (0.1, 1.0), 0.1, 0.5) is None
    assert rank_check("ap", [], (0.1, 1.0), 0.1, 0.5) is None
