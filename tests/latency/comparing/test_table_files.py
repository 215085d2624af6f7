"""Two table files, compared as the command line does."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from latency import compare_tables, write_table
from tests.latency.noise import conv_specs, noisy_table


def test_a_comparison_says_what_a_single_replicate_does_not_show(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    for path, replicates in ((one, 1), (two, 2)):
        write_table(path, noisy_table(rng, conv_specs(6), replicates=replicates, count=10))
    (note,) = compare_tables(one, two)["notes"]
    assert note.startswith(f"{one} holds one replicate")
    assert compare_tables(two, two)["notes"] == []
