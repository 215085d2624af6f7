import numpy as np
import pytest

from searchspaces.spaces.mutation import MUTATION_RATE, redraw


def test_about_a_tenth_changes():
    rng, old = np.random.default_rng(0), np.arange(4000) % 3
    changed = redraw(old, 3, rng) != old
    assert changed.mean() == pytest.approx(MUTATION_RATE, abs=0.02)


@pytest.mark.parametrize("genes", [[2], [0, 1], (3,) * 5])
def test_at_least_one_gene_changes_and_all_stay_choices(genes):
    rng = np.random.default_rng(1)
    for _ in range(50):
        new = redraw(genes, 4, rng)
        assert (new != genes).any()
        assert set(new.tolist()) <= set(range(4))


def test_every_other_choice_follows():
    rng = np.random.default_rng(2)
    assert {int(redraw([1], 4, rng)[0]) for _ in range(100)} == {0, 2, 3}
