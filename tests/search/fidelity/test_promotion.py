"""Who goes on: against a second way to say it, and the audit's share."""

import numpy as np
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from search.fidelity.promotion import best_rows, is_audited

tables = st.integers(1, 14).flatmap(
    lambda n: st.tuples(
        arrays(np.float64, (n, 2), elements=st.sampled_from([0.0, 1.0, 2.0, 3.0, np.nan])),
        arrays(np.float64, n, elements=st.sampled_from([-1.0, 0.0, 0.5])),
        st.integers(2, 4),
    )
)


@given(tables)
def test_nothing_that_stays_is_better_than_what_goes_on(
    table: tuple[np.ndarray, np.ndarray, int],
) -> None:
    costs, excess, eta = table
    chosen = best_rows(costs, excess, eta)
    finite = np.isfinite(costs).all(axis=1)
    assert len(set(chosen)) == len(chosen) <= len(costs) // eta
    assert len(chosen) == min(len(costs) // eta, int(finite.sum()))
    assert finite[chosen].all()
    for stays in set(np.flatnonzero(finite)) - set(chosen):
        for goes in chosen:
            kept = (excess[stays] <= 0) >= (excess[goes] <= 0)
            better = (costs[stays] <= costs[goes]).all() and (costs[stays] < costs[goes]).any()
            assert not (kept and better and excess[stays] <= 0)
            assert not (excess[stays] <= 0 < excess[goes])


def test_nobody_goes_on_of_fewer_than_eta() -> None:
    assert best_rows(np.array([[1.0, 2.0], [2.0, 1.0]]), np.zeros(2), 3) == []
    assert best_rows(np.zeros((0, 2)), np.zeros(0), 3) == []


def test_the_audit_draws_its_share_of_every_rung_anew() -> None:
    drawn = np.array([[is_audited(0.2, 7, rung, i) for i in range(2000)] for rung in (0, 1)])
    assert abs(drawn.mean(axis=1) - 0.2).max() < 0.03
    assert abs((drawn[0] & drawn[1]).mean() - 0.04) < 0.02
    assert all(is_audited(1.0, 7, 0, i) for i in range(20))
