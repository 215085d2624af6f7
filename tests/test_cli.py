"""The commands on the fake engine, from a profile to a report, and what they print."""

import re
from pathlib import Path

import pytest
import typer

from cli import EXIT_FAILED, make_app
from cli.exits import exit_unless
from cli.printing import cell, compact, jsonable
from searchspaces import SPACES, make_space, parse_arch
from tests.cli import call, done, profiled, run

ARCH = "detnas-nano:01-23-0000-00"
COMMANDS = [
    *("doctor", "spaces", "show", "profile", "fit", "evaluate", "predict", "search", "front"),
    *("certify", "curve", "rank"),
    *("transfer", "train", "extract", "convert", "export", "check", "verify", "detect"),
    *("report", "demo"),
    *("table show", "table merge", "table diff", "table import", "table export", "table split"),
    *("data shapes", "data check", "data split", "data score", "bundle show"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    profiled(folder)
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command):
    text = done(*command.split(), "--help").out
    assert "Example" in text
    assert f"detfit {command}" in text
    assert max(map(len, text.splitlines())) <= 80


def test_every_command_is_in_the_list():
    app = make_app()
    groups = {f"{group.name} ": group.typer_instance for group in app.registered_groups}
    names = {
        prefix + command.name
        for prefix, group in {"": app, **groups}.items()
        for command in group.registered_commands
    }
    assert names == set(COMMANDS)


def test_spaces_are_exact():
    rows = done("spaces", "--json").fields
    assert {row["name"]: row["size"] for row in rows} == {
        name: make_space(name).size for name in SPACES
    }
    assert f"{4**40:,}" in done("spaces").out
    assert "1,048,576" in done("spaces", "detnas-nano").out


def test_show_gives_the_whole_detector():
    outcome = done("show", ARCH, "--input", "128x96", "--classes", 5, "--json")
    fields = outcome.fields
    space, arch = parse_arch(ARCH, input_hw=(96, 128), num_classes=5)
    assert fields["arch"] == ARCH
    assert fields["input_hw"] == [96, 128]
    assert fields["macs"] == space.detector(arch).macs()
    assert set(fields["macs"]) == {"backbone", "neck", "rpn", "head", "total"}
    assert fields["params"] == space.detector(arch).params()
    assert {"kind", "key", "count", "macs"} <= fields["modules"][0].keys()
    assert sum(row["macs"] for row in fields["modules"]) == fields["macs"]["total"]
    more = done("show", ARCH, "--input", "128x96", "--elementwise", "--json").fields
    assert more["macs"]["total"] > fields["macs"]["total"]


def test_proposals_scale_the_second_stage():
    head = {
        count: done("show", ARCH, "--proposals", count, "--json").fields["macs"]["head"]
        for count in (100, 1000)
    }
    assert head[1000] == 10 * head[100]
    run("show", ARCH, "--proposals", 10, "--head", "retinanet").refused("retinanet")


def test_show_is_readable_on_80_columns():
    outcome = call("show", "detnas-large:" + "0" * 40, cwd=Path.cwd())
    assert max(map(len, outcome.out.splitlines())) <= 80
    assert re.search(r"shuffle_block conv 3x3 /2 +backbone +1x48x400x544 +1 +\S+ M", outcome.out)
    assert re.search(r"total: \S+ G", outcome.out)


def test_doctor_lists_the_engines():
    fields = done("doctor", "--json").fields
    ready = {row["engine"] for row in fields["engines"] if row["status"] == "ready"}
    assert {"fake", "onnxruntime", "torch"} <= ready
    assert all(row["fingerprint"] for row in fields["engines"] if row["engine"] in ready)
    assert fields["device"]["kind"] == "cpu"
    assert any("V100" in row["device"] for row in fields["support"])
    assert "onnxruntime" in done("doctor").out


def test_evaluate_and_predict(folder, tmp_path):
    held, one = tmp_path / "held.jsonl", tmp_path / "one.jsonl"
    common = ("--space", "detnas-nano", "--engine", "fake", "--classes", 3, "--no-modules")
    done("profile", *common, "--seed", 1, "--detectors", 5, "-o", held)
    done("profile", *common, "--seed", 2, "--detectors", 1, "-o", one)
    fields = done("evaluate", folder / "predictor.json", held, "--json").fields
    assert fields["n"] == 5
    assert fields["mape"] < 5
    for name in ("within_5pct", "within_10pct", "kendall_tau", "interval_coverage"):
        assert 0 <= fields[name] <= 1
    assert done("evaluate", folder / "predictor.json", one, "--json").fields["kendall_tau"] is None
    assert "kendall_tau: -" in done("evaluate", folder / "predictor.json", one).out
    names = [ARCH, "detnas-nano:" + "2" * 10]
    rows = done("predict", "-t", folder / "predictor.json", *names, "--json").fields
    assert [row["arch"] for row in rows] == names
    assert all(0 < row["lo_ms"] <= row["p50_ms"] <= row["hi_ms"] for row in rows)
    assert all(row["coverage"] == 1 for row in rows)
    total = sum(item["ms"] for item in rows[0]["breakdown"]) + rows[0]["unattributed_ms"]
    assert total == pytest.approx(rows[0]["p50_ms"])
    assert "shuffle_block xception" in done("predict", "-t", folder / "predictor.json", ARCH).out
    assert "unfamiliar" in done("predict", "-t", folder / "predictor.json", *names).out


def test_predict_takes_the_options_of_the_profile(tmp_path):
    table, predictor = tmp_path / "t.jsonl", tmp_path / "p.json"
    options = ("--space", "detnas-nano", "--engine", "fake", "--input", "96x64", "--classes", 2)
    done("profile", *options, "--proposals", 7, "--detectors", 6, "--replicates", 1, "-o", table)
    done("fit", table, "-o", predictor)
    (row,) = done("predict", "-t", predictor, ARCH, "--json").fields
    heads = [item["key"] for item in row["breakdown"] if item["kind"] == "box_head"]
    assert len(heads) == 1
    assert heads[0].partition("@")[2].startswith("7x48x7x7")


def test_tables_are_shown_and_merged(folder, tmp_path):
    shown = done("table", "show", folder / "table.jsonl", "--json").fields
    assert shown["measured"]["detector"] == 12
    assert shown["closure"]["detectors"] == 12
    assert all(spread["inputs"] > 1 for spread in shown["data_dependent"])
    text = done("table", "show", folder / "table.jsonl").out
    assert "12" in text
    assert "left_out_mape" in text
    assert "p99_ms" in text
    other, both = tmp_path / "other.jsonl", tmp_path / "both.jsonl"
    common = ("--space", "detnas-nano", "--engine", "fake", "--classes", 3, "--no-modules")
    done("profile", *common, "--seed", 5, "--detectors", 3, "-o", other)
    merged = done("table", "merge", folder / "table.jsonl", other, "-o", both, "--json").fields
    assert merged["measured"]["detector"] == 15
    done("report", both, "-t", folder / "predictor.json", "-o", tmp_path / "r.html")
    assert "<html" in (tmp_path / "r.html").read_text()[:200].lower()


def test_search_front_and_report(folder, tmp_path):
    results, output = tmp_path / "known.csv", tmp_path / "run"
    common = ("search", "-t", folder / "predictor.json", "--evaluator", "table", "--evals", 20)
    results.write_text("arch,ap\n00-00-0000-00,1.0\n")
    first = done(*common, "--table", results, "-o", tmp_path / "dry", "--json").fields
    codes = [text.partition(":")[0] for text in first["failed"]]
    assert len(codes) == first["evaluated"] == 20
    rows = [f"{code},{10 + index}\n" for index, code in enumerate(codes)]
    results.write_text("".join(["arch,ap\n", *rows]))
    fields = done(*common, "--table", results, "-o", output, "--json").fields
    assert (fields["complete"], fields["failed"]) == (True, [])
    assert fields["best"] == f"detnas-nano:{codes[-1]}"  # the last one has the highest AP
    shown = done("front", output, "--json").fields
    assert shown == fields
    middle = fields["front"][0]["latency_ms"]
    within = done("front", output, "--budget-ms", middle, "--json").fields
    assert within["front"] == fields["front"][:1]
    assert codes[-1] in done("front", output).out
    done("report", output, "-o", tmp_path / "r.html")
    run(*common, "--table", results, "-o", output).refused("--resume")


def test_json_is_all_of_standard_output(folder, tmp_path):
    options = ("--space", "detnas-nano", "--engine", "fake", "--detectors", 2, "--no-modules")
    outcome = call("profile", *options, "--json", "-o", "t.jsonl", cwd=tmp_path)
    assert outcome.code == 0
    assert outcome.fields["measured"] == {"detector": 2}
    assert "\x1b" not in outcome.err, "no terminal, no control characters"


def test_jsonable_replaces_what_json_lacks():
    fields = jsonable({"a": [float("nan"), (float("inf"), 1.5)], "b": True})
    assert fields == {"a": [None, [None, 1.5]], "b": True}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (float("nan"), "-"),
        ((), "-"),
        (True, "yes"),
        (0, "0"),
        (0.0, "0"),
        (2 / 3, "0.6667"),
        ([1, 2], "1, 2"),
        ({"a": 1.5, "b": None}, "a 1.5, b -"),
        ("[x]", r"\[x]"),
    ],
)
def test_cells(value, text):
    assert cell(value) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (999, "999"),
        (999_499, "999 k"),
        (999_600, "1 M"),
        (60652800, "60.7 M"),
        (1.2e9, "1.2 G"),
    ],
)
def test_compact_numbers(number, text):
    assert compact(number) == text


def test_exit_code_one_is_a_failed_check():
    with pytest.raises(typer.Exit) as ended:
        exit_unless(False)
    assert ended.value.exit_code == EXIT_FAILED
