"""The whole way by commands: data, profile, search, train, export, verify, detect, report."""

import json

import pytest

from tests.cli import Outcome, call, done, run

TRAIN = ("--steps", 4, "--batch-size", 4, "--lr", 0.001, "--optimizer", "adamw")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Everything up to an exported bundle, tiny."""
    folder = tmp_path_factory.mktemp("whole")
    done("data", "shapes", folder / "shapes", "--train", 20, "--val", 4, "--size", "96x96")
    options = ("--space", "detnas-nano", "--head", "retinanet", "--classes", 3, "--input", "96x96")
    limits = ("--detectors", 4, "--replicates", 1, "--seconds", 0.05, "--exploratory")
    done("profile", *options, *limits, "--engine", "onnxruntime", "-o", folder / "cpu.jsonl")
    done("fit", folder / "cpu.jsonl", "-o", folder / "cpu.json")
    searching = ("--evals", 3, "--recalibration-images", 4, "--confidence", 0.5)
    searching = ("--data", folder / "shapes", *searching, *TRAIN, "-o", folder / "run")
    done("search", "-t", folder / "cpu.json", "--budget-ms", 1000, *searching)
    weights = folder / "winner.safetensors"
    done("train", folder / "run", "--data", folder / "shapes", *TRAIN, "-o", weights)
    return folder


def exported(folder, output, *more) -> Outcome:
    weights = folder / "winner.safetensors"
    common = ("--weights", weights, "--verify", folder / "shapes", "-o", output, "--json")
    return run("export", folder / "run", *common, *more)


@pytest.mark.slow
def test_search_and_front(folder):
    fields = done("front", folder / "run", "--json").fields
    assert (fields["evaluated"], fields["complete"]) == (3, True)
    assert fields["best"] in [row["arch"] for row in fields["front"]]


@pytest.mark.slow
def test_export_verify_detect_report(folder, tmp_path):
    bundle = tmp_path / "bundle"
    outcome = exported(folder, bundle)
    fields = outcome.fields
    assert outcome.code == (0 if fields["outcome"] == "PASS" else 1)
    assert fields["parity"]["images"] == 4
    verified = call("verify", bundle, "--data", folder / "shapes", "--json", cwd=tmp_path)
    assert verified.fields["images"] == 4
    assert verified.code == (0 if verified.fields["outcome"] == "PASS" else 1)
    printed = run("verify", bundle, "--data", folder / "shapes").out
    assert f"outcome: {verified.fields['outcome']}" in printed
    assert "AP50" in printed

    shown = done("bundle", "show", bundle, "--json").fields
    assert (shown["hashes"], shown["runs_here"]) == ("ok", "yes")
    assert shown["outcome"] == fields["outcome"]

    image = sorted((folder / "shapes" / "val").iterdir())[0]
    found = done("detect", bundle, image, "--threshold", 0, "-o", tmp_path / "d", "--json").fields
    assert [row["image"] for row in found] == [str(image)]
    mixed = run("detect", bundle, image, "missing.jpg", "-o", tmp_path / "d", "--json")
    assert mixed.code == 1
    assert [bool(row["error"]) for row in mixed.fields] == [False, True]
    assert json.loads((tmp_path / "d" / "detections.json").read_text())["results"] == mixed.fields
    run("detect", bundle, "missing.jpg", "-o", tmp_path / "e").refused("missing.jpg")
    assert not (tmp_path / "e").exists()

    for source in (folder / "run", bundle, folder / "cpu.jsonl"):
        done("report", source, "-o", tmp_path / "report.html")
    run("verify", bundle, "--data", "missing").refused("missing")
    exported(folder, bundle).refused("bundle")


@pytest.mark.slow
def test_a_failed_gate_is_exit_code_one(folder, tmp_path):
    outcome = exported(folder, tmp_path / "bundle", "--budget-ms", 0.0001)
    assert outcome.code == 1
    assert outcome.fields["outcome"] == "FAIL"
    assert any("budget" in reason for reason in outcome.fields["reasons"])


@pytest.mark.slow
def test_weights_of_another_architecture_are_refused(folder, tmp_path):
    weights = folder / "winner.safetensors"
    line = run("export", "detnas-nano:0000000000", "--weights", weights, "-o", tmp_path / "b")
    best = done("front", folder / "run", "--json").fields["best"]
    line.refused(best)
    assert not (tmp_path / "b").exists()


@pytest.mark.slow
def test_what_an_engine_takes_is_told_by_module_and_fed_back(folder, tmp_path):
    bundle, table = tmp_path / "bundle", tmp_path / "cpu.jsonl"
    table.write_bytes((folder / "cpu.jsonl").read_bytes())
    exported(folder, bundle, "--budget-on", "p99", "--budget-ms", 1000)
    command = ("verify", bundle, "--data", folder / "shapes")
    fields = run(*command, "--record", table, "--json").fields
    assert fields["latency"]["budget_on"] == "p99"
    assert fields["latency"]["position"] in ("INSIDE", "FASTER", "SLOWER")
    assert [stage["name"] for stage in fields["latency"]["end_to_end"]["stages"]] == [
        *("decode", "preprocess", "engine", "postprocess")
    ]
    assert {"name", "predicted_ms", "measured_ms", "error_ms"} <= fields["latency"]["attribution"][
        "modules"
    ][0].keys()
    assert (fields["recorded"]["label"], fields["not_recorded"]) == (fields["arch"], "")
    detectors = done("table", "show", table, "--json").fields["measured"]["detector"]
    assert fields["recorded"]["detectors"] == detectors >= 4
    done("fit", table, "-o", tmp_path / "again.json")
    printed = run(*command).out
    assert "mispredicted" in printed
    assert "decode" in printed
    run(*command, "--record", table, "--no-latency").refused("--no-latency")
    run(*command, "--record", tmp_path / "no.jsonl").refused("no.jsonl")
    exported(folder, tmp_path / "other", "--budget-on", "mean").refused("p50, p99")
