"""A search with several processes, watched, and certified on the engine it was profiled on."""

import json
from pathlib import Path

import pytest

from latency import read_table
from tests.cli import done, profiled, run, start


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    profiled(folder)
    return folder


@pytest.fixture(scope="module")
def searched(folder: Path) -> Path:
    output = folder / "run"
    common = ("search", "-t", folder / "predictor.json", "--evaluator", "proxy", "-o", output)
    probe = done(*common[:-1], folder / "probe", "--evals", 20, "--json").fields
    times = sorted(row["latency_ms"] for row in probe["front"])
    budget = 1.05 * times[len(times) // 2]
    options = ("--strategy", "local", "--evals", 20, "--budget-ms", budget, "--confidence", 0)
    fields = done(*common, *options, "--json").fields
    assert fields["complete"]
    assert fields["certified"] is None
    return output


def test_a_run_is_certified_and_fed_back(folder: Path, searched: Path) -> None:
    table = folder / "table.jsonl"
    rows = len(read_table(table).rows)
    outcome = done("certify", searched, "--builds", 3, "--most", 2, "--record", table, "--json")
    fields = outcome.fields
    assert 1 <= len(fields["certified"]) <= 2
    assert fields["best"] == fields["certified"][0]
    assert len(read_table(table).rows) == rows + sum(
        len(c["builds"]) for c in fields["candidates"]
    )
    shown = done("front", searched, "--json").fields["certified"]
    assert [row["arch"] for row in shown] == fields["certified"]
    text = done("certify", searched, "--builds", 3, "--most", 1).out
    for word in ("predicted", "measured", "error", "certified", "of further"):
        assert word in text


def test_where_none_is_certified_the_check_fails(searched: Path) -> None:
    slowest = done("front", searched, "--json").fields["front"][-1]["latency_ms"]
    outcome = run("certify", searched, "--budget-ms", slowest, "--most", 1, "--json")
    assert outcome.code == 1
    assert outcome.fields["certified"] == []
    assert "which exceeds" in outcome.fields["candidates"][0]["reason"]


def test_what_cannot_be_certified_is_one_line(folder: Path, searched: Path) -> None:
    run("certify", folder).refused("holds no search run")
    run("certify", folder / "probe").refused("was searched without a budget")
    run("certify", searched, "--budget-ms", "0.0001").refused("no result within")
    run("certify", searched, "--builds", 2).refused("--builds")
    run("certify", searched, "--confidence", 95).refused("at least 0.5 and below 1")
    run("certify", searched, "--workers", "mars").refused("ray or ray:ADDRESS", "'mars'")
    run("certify", searched, "--resource", "v100").refused("give --workers ray[:ADDRESS], too")


def test_workers_are_refused_before_anything_is_written(folder: Path) -> None:
    common = ("search", "-t", folder / "predictor.json", "--evaluator", "proxy")
    for text in ("0", "two", "ray:"):
        run(*common, "-o", folder / "no", "--workers", text).refused("workers")
    assert not (folder / "no").exists()


def test_a_run_is_watched_while_two_processes_make_it(folder: Path) -> None:
    common = ("-t", folder / "predictor.json", "--evaluator", "proxy", "--strategy", "random")
    output = folder / "watched"
    process = start("search", *common, "--evals", 40, "--workers", 2, "-o", output, cwd=folder)
    while not (output / "journal.sqlite").exists():
        assert process.poll() is None, process.communicate()
    text = done("front", output, "--watch", "--json").out
    process.communicate(timeout=60)
    assert process.returncode == 0
    decoder, looks, place = json.JSONDecoder(), [], 0
    while place < len(text.rstrip()):
        fields, place = decoder.raw_decode(text, place)
        looks.append(fields["progress"])
        place += 1  # the end of the line
    assert (looks[-1]["evaluated"], looks[-1]["complete"]) == (40, True)
    assert [look["evaluated"] for look in looks] == sorted(look["evaluated"] for look in looks)
    assert looks[-1]["hypervolume"] > 0
    assert looks[-1]["best"]["entropy"] > 0
    alone = folder / "alone"
    done("search", *common, "--evals", 40, "-o", alone)
    mine, theirs = (done("front", run, "--json").fields for run in (output, alone))
    assert mine["front"] == theirs["front"]  # random: the same whatever was told before


def test_only_one_run_is_watched(searched: Path) -> None:
    run("front", searched, searched, "--watch").refused("--watch shows one run")
    assert "hypervolume" in done("front", searched, "--watch").out
