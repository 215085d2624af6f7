"""Every command of docs/latency.md is one that detfit takes, and every field and link is there."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

from engines import BACKENDS
from latency import FORMATS, LatencyTable, describe_table, get_simulated_device
from latency.predictors.predictor_file import SCHEMA as PREDICTOR_SCHEMA
from latency.tables.manifest import SCHEMA
from searchspaces import parse_arch
from tests.cli import profiled
from tests.docs import check_command, commands_of
from tests.latency.noise import conv_specs, noisy_table

DOC = Path(__file__).parent.parent / "docs" / "latency.md"
TEXT = DOC.read_text(encoding="utf-8")


@pytest.mark.parametrize("words", commands_of(TEXT), ids=" ".join)
def test_every_command_is_taken(words: list[str]) -> None:
    check_command(words)
    given = dict(itertools.pairwise(words))
    options = [b for a, b in itertools.pairwise(words) if a == "--engine-option"]
    if options:
        BACKENDS[given["--engine"]].with_options(options)  # type: ignore[attr-defined]
    assert given.get("--format", "csv") in FORMATS
    for word in words:
        if re.match(r"(zoo|detnas-\w+):", word):
            parse_arch(word)
        if word.startswith("simulated:"):
            get_simulated_device(word.split(":")[1])


def test_the_latency_commands_are_all_shown() -> None:
    shown = {words[0] for words in commands_of(TEXT)}
    assert shown >= {"profile", "fit", "evaluate", "predict", "transfer", "table"}


def test_fields_of_files_and_reports_exist(table: LatencyTable) -> None:
    assert f"`{SCHEMA}`" in TEXT
    assert f"`{PREDICTOR_SCHEMA}`" in TEXT
    shown = describe_table(table)
    for name in ("closure", "data_dependent", "unstable", "refused", "sentinel"):
        assert f"`{name}`" in TEXT
        assert name in shown
    manifest = table.manifest.to_dict()
    first = TEXT.split("Line 1 is the manifest:")[1].split("Every further line")[0]
    named = {
        name
        for cell in re.findall(r"^\| (`[^|]*) \|", first, flags=re.MULTILINE)
        for name in re.findall(r"`(\w+)`", cell)
    }
    assert named | {"schema"} == manifest.keys() | {"rows"}


def test_the_python_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profiled(tmp_path).rename(tmp_path / "cpu.json")
    (example,) = re.findall(r"^```python\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names: dict[str, np.ndarray] = {}
    exec(compile(example, str(DOC), "exec"), names)
    assert names["times_ms"].shape == (10_000,)
    assert (names["times_ms"] > 0).all()


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        assert (DOC.parent / target).exists(), target


@pytest.fixture
def table() -> LatencyTable:
    return noisy_table(np.random.default_rng(0), conv_specs(3), replicates=1, count=6)
