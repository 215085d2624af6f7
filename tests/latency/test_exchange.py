"""Whole table files: merged into a new one, or refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from latency import (
    LatencyError,
    LatencyTable,
    TableMismatchError,
    compare_tables,
    merge_tables,
    read_table,
    write_table,
)
from tests.latency.noise import conv_specs, noisy_table
from tests.latency.oracle import additive_backend

RunProfile = Callable[..., LatencyTable]


def test_tables_are_merged_into_a_new_file(run_profile: RunProfile, tmp_path: Path) -> None:
    one, two = run_profile("a.jsonl"), run_profile("b.jsonl", seed=1)
    output = tmp_path / "both.jsonl"
    merged = merge_tables([tmp_path / "a.jsonl", tmp_path / "b.jsonl"], output)
    assert len(merged.rows) == len(one.rows) + len(two.rows)
    assert read_table(output).rows == merged.rows
    with pytest.raises(LatencyError, match="exists; write to another file"):
        merge_tables([tmp_path / "a.jsonl"], output)
    with pytest.raises(LatencyError, match="nothing to merge"):
        merge_tables([], tmp_path / "none.jsonl")


def test_tables_of_other_devices_are_not_merged(run_profile: RunProfile, tmp_path: Path) -> None:
    run_profile("a.jsonl")
    run_profile("b.jsonl", backend=additive_backend(macs_per_ms=3.0, noise=0.01))
    with pytest.raises(TableMismatchError):
        merge_tables([tmp_path / "a.jsonl", tmp_path / "b.jsonl"], tmp_path / "both.jsonl")
    assert not (tmp_path / "both.jsonl").exists()


def test_a_comparison_says_what_a_single_replicate_does_not_show(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    for path, replicates in ((one, 1), (two, 2)):
        write_table(path, noisy_table(rng, conv_specs(6), replicates=replicates, count=10))
    (note,) = compare_tables(one, two)["notes"]
    assert note.startswith(f"{one} holds one replicate")
    assert compare_tables(two, two)["notes"] == []
