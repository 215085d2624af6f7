"""Two table files, compared as the command line does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from latency import LatencyError, LatencyTable, compare_tables, write_table
from tests.latency.noise import conv_specs, noisy_table

NOISY = {"replicates": 2, "count": 10, "build_sd": 0.03}


def written(path: Path, table: LatencyTable) -> Path:
    write_table(path, table)
    return path


def test_a_comparison_says_what_a_single_replicate_does_not_show(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    for path, replicates in ((one, 1), (two, 2)):
        write_table(path, noisy_table(rng, conv_specs(6), replicates=replicates, count=10))
    (note,) = compare_tables(one, two)["notes"]
    assert note.startswith(f"{one} holds one replicate")
    assert compare_tables(two, two)["notes"] == []


def test_what_is_not_decided_is_named_with_what_to_do(tmp_path: Path) -> None:
    rng, specs = np.random.default_rng(0), conv_specs(6)
    a = written(tmp_path / "a.jsonl", noisy_table(rng, specs, **NOISY))
    b = written(tmp_path / "b.jsonl", noisy_table(rng, specs, factors={"conv": 1.03}, **NOISY))
    fields = compare_tables(a, b, "slower>2%")
    assert fields["passed"]
    (conv,) = [each for each in fields["undecided"] if each["name"] == "conv"]
    assert conv["hi"] > 0.02
    assert conv["smallest_shown"] > 0.03
    assert conv["replicates"] > 2
    what, advice = fields["notes"]
    assert what.startswith("slower>2% is not decided for ")
    assert f"conv from {conv['smallest_shown']:.1%}" in what
    most = max(each["replicates"] for each in fields["undecided"])
    assert f"--replicates {most}" in advice
    assert not compare_tables(a, b, "slower>2%", strict=True)["passed"]
    assert compare_tables(a, b, "slower>90%", strict=True)["passed"]
    assert compare_tables(a, b)["undecided"] == []
    with pytest.raises(LatencyError, match="--fail-on"):
        compare_tables(a, b, strict=True)


def test_other_seeds_inputs_and_workloads_are_noted(tmp_path: Path) -> None:
    rng, specs = np.random.default_rng(0), conv_specs(6)
    table = noisy_table(rng, specs, replicates=2, count=10)
    a = written(tmp_path / "a.jsonl", table)
    manifest = replace(table.manifest, seed=7, inputs="0" * 64)
    part = tuple(row for row in table.rows if row.workload.key != table.rows[0].workload.key)
    b = written(tmp_path / "b.jsonl", replace(table, manifest=manifest, rows=part))
    seeds, inputs, common = compare_tables(a, b)["notes"]
    assert "of seeds 0 and 7" in seeds
    assert "other inputs" in inputs
    assert common.startswith("only 5 of 6 workloads")
    assert all(f"--like {a}" in note for note in (seeds, inputs, common))
