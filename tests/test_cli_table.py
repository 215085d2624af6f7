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


def test_what_has_no_module_here_is_refused(source, tmp_path):
    path, out = tmp_path / "ofa.yaml", tmp_path / "V.jsonl"
    path.write_text("Conv-input:224x224x3-output:112x112x16: {mean: 1.5}\n")
    command = ("--device", "V100", "-o", out)
    told = "nothing was taken over: 1 entries have no module here: Conv-input"
    run("table", "import", "--format", "ofa-yaml", path, *command).refused(told)
    told = "nothing was taken over at batch 8"
    convolutions = ("table", "import", "--format", "tinynas-conv", source)
    run(*convolutions, *command, "--batch", 8).refused(told)
    assert not out.exists()


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


def test_modules_are_evaluated_by_batch_size(table, tmp_path):
    train, held, fitted = (tmp_path / name for name in ("train.jsonl", "held.jsonl", "V.json"))
    done("table", "split", table, "--seed", 3, "-o", train, held)
    done("fit", train, "-o", fitted)
    fields = done("evaluate", fitted, held, "--batch", 1, "--json").fields
    assert fields["by_batch"].keys() == {"1"}
    assert fields["by_batch"]["1"]["n"] == fields["n"] >= 7
    text = done("evaluate", fitted, held).out
    assert "by_batch" in text
    assert "unfamiliar" in text
    run("evaluate", fitted, held, "--batch", 64).refused("no modules of batch 64")
    few = ("fit", train, "--from", "simulated:V100:tensorrt", "-o", tmp_path / "few.json")
    assert done(*few, "--json").fields["trend"] == "simulated:V100:tensorrt"


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
    out = tmp_path / "a.jsonl"
    run(*command, "-o", out).refused(
        "nothing was taken over: 2 layers (100.0% of the time)", "neck"
    )
    assert not out.exists()
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


def test_diff_names_what_it_cannot_decide(tmp_path):
    rng, specs = np.random.default_rng(0), conv_specs(6)
    paths = [tmp_path / name for name in ("a.jsonl", "b.jsonl")]
    for path in paths:
        write_table(path, noisy_table(rng, specs, replicates=2, count=10, build_sd=0.03))
    gate = ("table", "diff", *paths, "--fail-on", "slower>1%")
    outcome = done(*gate)
    assert "passed: yes" in outcome.out
    assert "shown from" in outcome.out
    assert "--replicates" in outcome.out
    assert run(*gate, "--strict").code == EXIT_FAILED
    assert done(*gate[:-1], "slower>90%", "--strict", "--json").fields["undecided"] == []
    run("table", "diff", *paths, "--strict").refused("--fail-on")


def test_diff_of_other_devices_is_refused_by_field(table, tmp_path):
    other = tmp_path / "other.jsonl"
    write_table(other, noisy_table(np.random.default_rng(0), conv_specs(3), count=6))
    run("table", "diff", table, other).refused("device.name is 'Tesla V100' here")


def test_profile_like_a_table_to_compare_both(tmp_path):
    before, after = tmp_path / "before.jsonl", tmp_path / "after.jsonl"
    small = ("--space", "detnas-nano", "--input", "64x64", "--classes", 3, "--head", "retinanet")
    few = ("--engine", "fake", "--detectors", 2, "--replicates", 2, "--seed", 5)
    done("profile", *small, *few, "-o", before)
    done("profile", "--like", before, "-o", after)
    fields = done("table", "diff", before, after, "--json").fields
    assert fields["differing"] == fields["only_a"] == fields["only_b"] == fields["notes"] == []
    assert fields["compared"] == len(read_table(before).measurements)
    more = tmp_path / "more.jsonl"
    done("profile", "--like", before, "--replicates", 3, "-o", more)
    assert len(read_table(more).rows) == 1.5 * len(read_table(after).rows)
    done("profile", "--like", before, "--resume", "-o", after)
    like = ("profile", "--like", before, "-o", tmp_path / "x.jsonl")
    run(*like, "--seed", 1, "--no-modules").refused("leave --modules/--no-modules, --seed out")
    run("profile", "--like", tmp_path / "none.jsonl", "-o", after).refused("there is no table")
    assert not (tmp_path / "x.jsonl").exists()


def test_costs_inside_a_detector_are_listed_and_exported(tmp_path):
    table = tmp_path / "t.jsonl"
    small = ("--space", "detnas-nano", "--input", "64x64", "--classes", 3, "--head", "retinanet")
    few = ("--engine", "fake", "--detectors", 8, "--replicates", 1)
    done("profile", *small, *few, "-o", table)
    fields = done("fit", table, "-o", tmp_path / "p.json", "--json").fields
    assert len(fields["costs"]) == fields["modules"]
    assert set(fields["costs"][0]) == {"kind", "variant", "ms", "sd_ms", "key"}
    assert "costs, 10 of" in done("fit", table, "-o", tmp_path / "again.json").out
    out = tmp_path / "t.yaml"
    export = ("table", "export", table, "--format")
    told = done(*export, "ofa-yaml", "-o", out).out
    assert "cost inside a detector, not timed alone" in told
    assert out.read_text().count("mean") == fields["modules"]
    refused = run(*export, "tinynas-conv", "-o", tmp_path / "none")
    assert refused.code == EXIT_FAILED
    assert "holds nothing that tinynas-conv can" in refused.err
    assert not (tmp_path / "none").exists()
    assert done(*export, "csv", "--in-context", "-o", tmp_path / "t.csv").code == 0
