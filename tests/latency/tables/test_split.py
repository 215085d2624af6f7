from __future__ import annotations

import numpy as np
import pytest

from latency import CHAIN, TableError, split_file, split_table
from tests.latency.noise import conv_specs, noisy_table


def test_modules_are_held_out_with_all_their_replicates(rng):
    table = noisy_table(rng, conv_specs(50), replicates=2, count=6)
    train, held = split_table(table, 0.2, np.random.default_rng(0), note="drawn")
    assert (len(train), len(held)) == (40, 10)
    assert not set(train) & set(held)
    assert len(held.rows) == 20
    assert "drawn" in held.manifest.notes
    again = split_table(table, 0.2, np.random.default_rng(0))[1]
    other = split_table(table, 0.2, np.random.default_rng(1))[1]
    assert set(again) == set(held) != set(other)


def test_chains_stay_and_detectors_are_drawn(run_profile):
    table = run_profile(detectors=8)
    train, held = split_table(table, 0.25, np.random.default_rng(0))
    assert train.manifest.recipes == table.manifest.recipes
    assert not held.manifest.recipes
    assert all(row.workload.role != CHAIN for row in held.rows)
    assert (len(train.detectors()), len(held.detectors())) == (6, 2)
    assert sum(row.workload.role == CHAIN for row in train.rows) == sum(
        row.workload.role == CHAIN for row in table.rows
    )


@pytest.mark.parametrize("fraction", [0.0, 1.0, -1.0, 2.0, float("nan")])
def test_a_wrong_fraction_is_refused(rng, fraction):
    table = noisy_table(rng, conv_specs(3), replicates=1, count=6)
    with pytest.raises(TableError, match="fraction must lie between 0 and 1"):
        split_table(table, fraction, rng)


def test_an_empty_side_is_refused(rng):
    table = noisy_table(rng, conv_specs(3), replicates=1, count=6)
    for fraction in (0.01, 0.99):
        with pytest.raises(TableError, match="leaves one side empty"):
            split_table(table, fraction, rng)


def test_both_parts_need_names_of_their_own(run_profile, tmp_path):
    run_profile(detectors=4)
    with pytest.raises(ValueError, match="both parts"):
        split_file(tmp_path / "t.jsonl", 0.5, 0, tmp_path / "a", tmp_path / "a")
    assert not (tmp_path / "a").exists()
