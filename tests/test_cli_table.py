"""Tables on the command line: convert, split, merge, compare; what people see of long lists."""

import json

import numpy as np
import pytest

from cli import EXIT_FAILED
from latency import FORMATS, read_table, write_table
from tests.cli import done, run
from tests.latency.noise import conv_specs, noisy_table

ROWS = "".join(f"{{Regular,1,{c},8,8,4,3,1,0}} {0.01 * c}\n" for c in range(1, 41))
FAILED = "".join(f"{{Regular,1,{c},9,9,4,3,1,0}} -1\n" for c in range(1, 21))


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "conv.txt"
    path.write_text(ROWS + FAILED + "{Regular,32,3,8,8,4,3,1,0} 1.5\n")
    return path


@pytest.fixture
def table(source, tmp_path):
    path = tmp_path / "V.jsonl"
    done(
        *("table", "import", "--format", "tinynas-conv", source, "--device", "V100"),
        *("--precision", "fp16", "-o", path),
    )
    return path


def test_import_says_what_came_in(source, tmp_path):
    fields = done(
        *("table", "import", "--format", "tinynas-conv", source, "--device", "V100"),
        *("--precision", "fp16", "-o", tmp_path / "V.jsonl", "--json"),
    ).fields
    assert fields["by_batch"] == {"1": 60, "32": 1}
    assert (fields["modules"], fields["failures"]) == (41, 20)
    assert fields["engine"] == "tensorrt unknown"
    assert read_table(tmp_path / "V.jsonl").protocol.precision == "fp16"


def test_import_can_keep_one_batch(source, tmp_path):
    fields = done(
        *("table", "import", "--format", "tinynas-conv", source, "--device", "V100"),
        *("--batch", 32, "-o", tmp_path / "V.jsonl", "--json"),
    ).fields
    assert fields["by_batch"] == {"32": 1}


def test_show_cuts_long_lists_for_people_only(table):
    text = done("table", "show", table).out
    assert "... and 10 more" in text
    assert "without_samples: 41" in text
    fields = done("table", "show", table, "--json").fields
    assert len(fields["failures"]) == 20
    assert fields["unstable"] == []


def test_split(table, tmp_path):
    train, held = tmp_path / "train.jsonl", tmp_path / "held.jsonl"
    fields = done(
        *("table", "split", table, "--fraction", 0.2, "--seed", 3, "-o", train, held, "--json")
    ).fields
    assert fields["train"] == {"path": str(train), "measured": 33}
    assert fields["held"]["measured"] == 8
    together = {*read_table(train), *read_table(held)}
    assert together == set(read_table(table))
    run("table", "split", table, "-o", train, held).refused("exists")
    run("table", "split", table, "--fraction", 1.5, "-o", tmp_path / "a", tmp_path / "b").refused(
        "between 0 and 1"
    )


@pytest.mark.parametrize("name", FORMATS)
def test_export_and_import_again(table, tmp_path, name):
    path = tmp_path / "exported"
    fields = done("table", "export", table, "--format", name, "-o", path, "--json").fields
    assert fields["lost"]
    done(
        *("table", "import", "--format", name, path, "--device", "V100", "--precision", "fp16"),
        *("-o", tmp_path / "again.jsonl"),
    )
    before, after = read_table(table), read_table(tmp_path / "again.jsonl")
    assert {s: m.raw_ms for s, m in after.items()} == {s: m.raw_ms for s, m in before.items()}
    assert len(after.failures) == (20 if name in ("csv", "tinynas-conv") else 0)
    assert name in done("table", "export", "--help").out


def test_a_layer_profile_needs_its_architecture(tmp_path):
    path = tmp_path / "profile.json"
    layers = [{"name": f"/{name}/Conv", "averageMs": 1.0} for name in ("neck", "nonsense")]
    path.write_text(json.dumps([{"count": 1}, *layers]))
    command = ("table", "import", "--format", "trtexec-json", path, "--device", "T4", "--json")
    fields = done(*command, "-o", tmp_path / "a.jsonl").fields
    assert fields["modules"] == 0
    arch = ("--arch", "detnas-nano:00-00-0000-00", "--input", "96x64", "--classes", 3)
    assert done(*command, *arch, "-o", tmp_path / "b.jsonl").fields["modules"] == 1


def test_misuse_of_import_and_export(source, table, tmp_path):
    out = ("-o", tmp_path / "x.jsonl")
    base = ("table", "import", source)
    run(*base, "--format", "xml", "--device", "V100", *out).refused("unknown format 'xml'", "csv")
    run(*base, "--format", "tinynas-conv", "--device", "V9", *out).refused("V100, T4", "spell")
    run(*base, "--format", "tinynas-conv", "--device", "V100", "-o", table).refused("exists")
    run("table", "export", table, "--format", "csv", "-o", table).refused("exists")
    run("table", "export", table, "--format", "xml", *out).refused("unknown format")
    source.write_text("rubbish\n")
    run(*base, "--format", "tinynas-conv", "--device", "V100", *out).refused("line 1")
    assert not (tmp_path / "x.jsonl").exists()


def test_diff_is_a_gate(tmp_path):
    rng, specs = np.random.default_rng(0), conv_specs(12)
    paths = {name: tmp_path / f"{name}.jsonl" for name in ("a", "same", "slow")}
    factors = {"slow": {"conv": 1.05}}
    for name, path in paths.items():
        write_table(path, noisy_table(rng, specs, factors=factors.get(name), count=30))
    gate = ("--fail-on", "slower>2%")
    outcome = done("table", "diff", paths["a"], paths["same"], *gate)
    assert "passed: yes" in outcome.out
    outcome = run("table", "diff", paths["a"], paths["slow"], *gate)
    assert outcome.code == EXIT_FAILED
    assert "kind conv" in outcome.out
    fields = run("table", "diff", paths["a"], paths["slow"], *gate, "--json").fields
    assert not fields["passed"]
    assert len(fields["workloads"]) == fields["compared"] == 12
    assert fields["kinds"][0]["name"] == "conv"
    assert "gate: -" in done("table", "diff", paths["a"], paths["slow"]).out
    run("table", "diff", paths["a"], paths["slow"], "--fail-on", "2").refused("slower>2%")


def test_diff_of_other_devices_is_refused_by_field(table, tmp_path):
    other = tmp_path / "other.jsonl"
    write_table(other, noisy_table(np.random.default_rng(0), conv_specs(3), count=6))
    run("table", "diff", table, other).refused("device.name is 'Tesla V100' here")
